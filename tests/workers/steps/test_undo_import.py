"""Undoing an import: what the job wrote goes back, what somebody has changed since stays and is listed."""

import csv
import io

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

HEADER = "uid,name,phone,territory,distributor,routes,points,notes,lat,lng,active"
FULL = [
    "U1,Rahim Store,01711000001,T1,D1,Mon|Tue,5,near the mosque,23.81,90.41,yes",
    'U2,"করিম ""স্টোর""",01711000002,T2,,,,,,,',
    "U3,Shop 3,01711000003,T3,,,7,,,,no",
]
COLUMNS = "uid, name, phone, territory_id, distributor_id, routes, points, notes, lat, lng, active"


def reasons(rejects: str) -> dict[str, str]:
    return {row["uid"]: row["_code"] for row in csv.DictReader(io.StringIO(rejects))}


async def test_created_retailers_are_deleted(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of(HEADER, FULL))
    undo = await jobs.run_undo(job.id)
    assert (undo.state, undo.rows, undo.updated, undo.rejected) == ("succeeded", 3, 3, 0)
    assert await place.retailers("uid") == []
    undone = await jobs.job(job.id)
    assert (undone.state, undone.undone_by) == ("undone", undo.id)


async def test_an_undo_works_in_few_pages(jobs: BulkWork, place: Place) -> None:
    rows = [f"U{number:05d},Shop,01711{number:06d},T1" for number in range(10_001)]
    job = await jobs.run_import(csv_of("uid,name,phone,territory", rows))
    changed = await jobs.run_import(csv_of("uid,points", [f"U{number:05d},7" for number in range(10_001)]))
    loads = "SELECT rows, updated FROM chunks WHERE job_id = $1 AND step = 'load' ORDER BY number"
    assert await place.rows(loads, (await jobs.run_undo(changed.id)).id) == [(10_000, 10_000), (1, 1)]
    assert await place.rows(loads, (await jobs.run_undo(job.id)).id) == [(10_001, 10_001)]
    assert await place.retailers("uid") == []


async def test_changed_retailers_get_back_exactly_what_they_had(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    before = await place.retailers(COLUMNS)
    changes = [
        r"U1,Other,01711999999,T2,\N,\N,\N,\N,\N,\N,no",
        "U2,Other,01711999998,T3,D1,Sat,9,note,1.5,2.5,no",
        "U3,,,,,,,,,,yes",
    ]
    job = await jobs.run_import(csv_of(HEADER, changes))
    assert job.updated == 3
    undo = await jobs.run_undo(job.id)
    assert (undo.updated, undo.rejected) == (3, 0)
    assert await place.retailers(COLUMNS) == before
    assert await place.retailers("version") == [(3,), (3,), (3,)]


async def test_rows_changed_since_in_a_written_column_stay(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    job = await jobs.run_import(csv_of("uid,points,notes", ["U1,50,a", "U2,60,b", "U3,70,c"]))
    await place.change("U1", "points = 51")
    await place.change("U2", "name = 'Renamed by hand'")
    undo = await jobs.run_undo(job.id)
    assert reasons(await jobs.rejects(undo)) == {"U1": "changed_since"}
    assert (undo.updated, undo.rejected, undo.faults) == (2, 1, {"changed_since": 1})
    assert await place.retailers("uid, name, points, notes") == [
        ("U1", "Rahim Store", 51, "a"),
        ("U2", "Renamed by hand", 0, None),
        ("U3", "Shop 3", 7, None),
    ]


async def test_created_retailers_that_somebody_uses_stay(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of(HEADER, FULL))
    await place.give("U1", place.srs[0])
    await place.change("U2", "notes = 'written by an SR'")
    # There and back: it still holds what the job gave it.
    await place.change("U3", "points = 8")
    await place.change("U3", "points = 7")
    undo = await jobs.run_undo(job.id)
    assert reasons(await jobs.rejects(undo)) == {"U1": "changed_since", "U2": "changed_since"}
    assert await place.retailers("uid") == [("U1",), ("U2",)]


async def test_imports_are_undone_one_after_the_other(jobs: BulkWork, place: Place) -> None:
    first = await jobs.run_import(csv_of(HEADER, FULL))
    second = await jobs.run_import(csv_of("uid,points,lat,lng", ["U1,50,1.25,2.5", "U2,60,,"]))
    assert (await jobs.run_undo(second.id)).rejected == 0
    undo = await jobs.run_undo(first.id)
    assert (undo.updated, undo.rejected) == (3, 0)
    assert await place.retailers("uid") == []


async def test_a_restored_retailer_is_deleted_again_unless_somebody_holds_it(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    await place.change("U1", "deleted_at = now()")
    await place.change("U2", "deleted_at = now()")
    job = await jobs.run_import(csv_of("uid", ["U1", "U2"]))
    assert job.updated == 2
    await place.give("U2", place.srs[0])
    undo = await jobs.run_undo(job.id)
    assert reasons(await jobs.rejects(undo)) == {"U2": "changed_since"}
    assert await place.retailers("uid") == [("U2",), ("U3",)]


async def test_a_retailer_stays_when_the_territory_it_came_from_is_gone(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    job = await jobs.run_import(csv_of("uid,territory", ["U1,T2", "U3,T2"]))
    await place.owner.execute("DELETE FROM territories WHERE id = $1", place.territories["T1"])
    undo = await jobs.run_undo(job.id)
    assert reasons(await jobs.rejects(undo)) == {"U1": "changed_since"}
    assert await place.retailers("uid, territory_id") == [
        ("U1", place.territories["T2"]),
        ("U2", place.territories["T2"]),
        ("U3", place.territories["T3"]),
    ]


async def test_books_of_holders_are_rendered_after_an_undo(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    await place.give("U1", place.srs[1])
    job = await jobs.run_import(csv_of("uid,points", ["U1,50", "U2,60"]))
    undo = await jobs.run_undo(job.id)
    assert jobs.rendered[undo.id] == {place.srs[1]}

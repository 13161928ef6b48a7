"""What a file of distributors does: one row per distributor, and every book that shows a new name."""

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

ROWS = "SELECT code, name, version FROM distributors WHERE tenant_id = $1 ORDER BY code"


async def test_distributors_are_created_renamed_and_left_alone(jobs: BulkWork, place: Place) -> None:
    rows = ["D1,Rahman Brothers", "D2,পদ্মা ট্রেডার্স", "D3,", "D2,Padma Traders"]
    job = await jobs.run_import(csv_of("code,name", rows), kind="distributors")
    assert (job.state, job.rows, job.created, job.updated, job.rejected) == ("succeeded", 4, 1, 1, 2)
    assert job.faults == {"needed_to_create": 1, "superseded": 1}
    assert await place.rows(ROWS, place.tenant_id) == [("D1", "Rahman Brothers", 2), ("D2", "Padma Traders", 1)]
    before = await place.rows("SELECT code, xmin::text FROM distributors WHERE tenant_id = $1", place.tenant_id)
    again = await jobs.run_import(csv_of("code,name", ["D1,Rahman Brothers", "D2,"]), kind="distributors")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    assert await place.rows("SELECT code, xmin::text FROM distributors WHERE tenant_id = $1", place.tenant_id) == before


async def test_what_a_single_change_announces_is_announced(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of("code,name", ["D1,Other", "D2,New"]), kind="distributors")
    told = await place.rows(
        "SELECT o.type, d.code FROM outbox o JOIN distributors d ON d.id = (o.payload ->> 'distributor_id')::uuid"
        " WHERE o.tenant_id = $1 ORDER BY 2",
        place.tenant_id,
    )
    assert told == [
        ("distributors.distributor_updated.v1", "D1"),
        ("distributors.distributor_created.v1", "D2"),
    ]


async def test_a_dry_run_changes_nothing(jobs: BulkWork, place: Place) -> None:
    before = await place.rows(ROWS, place.tenant_id)
    job = await jobs.run_import(csv_of("code,name", ["D1,Other", "D2,New"]), kind="distributors", mode="dry_run")
    assert (job.created, job.updated) == (1, 1)
    assert await place.rows(ROWS, place.tenant_id) == before


async def test_a_renamed_distributor_shows_in_the_books_of_those_it_delivers_to(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(
        csv_of(
            "uid,name,phone,territory,distributor",
            ["U1,One,01711000001,T1,D1", "U2,Two,01711000002,T1,D1", "U3,Three,01711000003,T1,"],
        )
    )
    await place.give("U1", place.srs[0])
    await place.give("U3", place.srs[1])
    job = await jobs.run_import(csv_of("code,name", ["D1,Other", "D2,New"]), kind="distributors")
    assert jobs.rendered[job.id] == {place.srs[0]}
    undo = await jobs.run_undo(job.id)
    assert jobs.rendered[undo.id] == {place.srs[0]}


async def test_undo_gives_names_back_and_deletes_what_nothing_refers_to(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of("code,name", ["D1,Other", "D2,New", "D3,Newer"]), kind="distributors")
    await jobs.run_import(csv_of("uid,name,phone,territory,distributor", ["U1,One,01711000001,T1,D3"]))
    undo = await jobs.run_undo(job.id)
    assert (undo.state, undo.updated, undo.rejected) == ("succeeded", 2, 1)
    assert "\nD3,Newer," in await jobs.rejects(undo)
    assert [row[:2] for row in await place.rows(ROWS, place.tenant_id)] == [("D1", "Rahman Traders"), ("D3", "Newer")]

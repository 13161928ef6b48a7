"""What an import does to retailers: every row counted once, nothing touched that the file does not change."""

import asyncio
from pathlib import Path

import polars as pl
import pytest

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place
from workers.jobs.work import LeaseLost

HEADER = "uid,name,phone,territory,distributor,routes,points,notes,lat,lng,active"
FULL = [
    "U1,Rahim Store,01711000001,T1,D1,Mon|Tue,5,near the mosque,23.81,90.41,yes",
    "U2,করিম স্টোর,01711000002,T2,,,,,,,",
    "U3,Shop 3,01711000003,T3,,,,,,,no",
]


async def test_rows_are_created_with_defaults_for_what_the_file_leaves_out(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of(HEADER, FULL))
    assert (job.state, job.created, job.updated, job.unchanged, job.rejected) == ("succeeded", 3, 0, 0, 0)
    assert await place.retailers("uid, name, phone, territory_id, routes, points, notes, lat, active, version") == [
        (
            "U1",
            "Rahim Store",
            "+8801711000001",
            place.territories["T1"],
            ["Mon", "Tue"],
            5,
            "near the mosque",
            23.81,
            True,
            1,
        ),
        ("U2", "করিম স্টোর", "+8801711000002", place.territories["T2"], [], 0, None, None, True, 1),
        ("U3", "Shop 3", "+8801711000003", place.territories["T3"], [], 0, None, None, False, 1),
    ]


async def test_the_same_file_again_touches_no_row(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    before = await place.retailers("uid, xmin::text, ctid::text, version, updated_at")
    job = await jobs.run_import(csv_of(HEADER, FULL))
    assert (job.created, job.updated, job.unchanged) == (0, 0, 3)
    assert await place.retailers("uid, xmin::text, ctid::text, version, updated_at") == before
    assert await place.rows("SELECT count(*) FROM before_images WHERE job_id = $1", job.id) == [(0,)]


async def test_empty_cells_leave_and_backslash_n_clears(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    job = await jobs.run_import(csv_of(HEADER, [r"U1,,,,\N,\N,\N,\N,\N,\N,"]))
    assert (job.updated, job.unchanged) == (1, 0)
    columns = "name, distributor_id, routes, points, notes, lat, lng, active, version"
    assert (await place.retailers(columns))[0] == ("Rahim Store", None, [], 0, None, None, None, True, 2)


async def test_a_column_that_the_file_does_not_name_keeps_what_an_sr_wrote(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    job_id = await jobs.submit_import(csv_of("uid,points", ["U1,50"]))
    (number,) = await jobs.run_to_load(job_id)
    async with place.owner.transaction():
        await place.change("U1", "notes = 'closed on Fridays'")
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
    await loading
    job = await jobs.run(job_id)
    assert job.updated == 1
    assert (await place.retailers("points, notes, version"))[0] == (50, "closed on Fridays", 3)


async def test_a_retailer_created_meanwhile_is_updated_instead(jobs: BulkWork, place: Place) -> None:
    job_id = await jobs.submit_import(csv_of("uid,name,phone,territory", ["U1,From the file,01711000001,T1"]))
    (number,) = await jobs.run_to_load(job_id)
    async with place.owner.transaction():
        await place.add(
            "retailers",
            uid="U1",
            name="By hand",
            phone="+8801711000009",
            territory_id=place.territories["T2"],
            points=7,
        )
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
    await loading
    job = await jobs.run(job_id)
    assert (job.created, job.updated) == (0, 1)
    assert await place.retailers("name, phone, points, version") == [("From the file", "+8801711000001", 7, 2)]


async def test_incomplete_rows_update_but_do_not_create(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    job = await jobs.run_import(csv_of("uid,points", ["U1,9", "U9,9"]))
    assert (job.rows, job.updated, job.rejected, job.faults) == (2, 1, 1, {"needed_to_create": 1})
    assert "U9,9,3," in await jobs.rejects(job)
    assert await place.retailers("uid, points") == [("U1", 9), ("U2", 0), ("U3", 0)]


async def test_importing_the_uid_of_a_deleted_retailer_restores_it(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    await place.change("U1", "deleted_at = now()")
    job = await jobs.run_import(csv_of("uid,points", ["U1,5"]))
    assert job.updated == 1
    assert (await place.retailers("uid, points, version"))[0] == ("U1", 5, 3)


async def test_a_territory_deleted_after_the_split_rejects_its_rows_with_their_cells(
    jobs: BulkWork, place: Place
) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, FULL))
    (number,) = await jobs.run_to_load(job_id)
    await place.owner.execute("DELETE FROM territories WHERE id = $1", place.territories["T2"])
    await jobs.run_chunk(job_id, number)
    job = await jobs.run(job_id)
    assert (job.created, job.rejected, job.faults) == (2, 1, {"unknown_territory": 1})
    header, row = (await jobs.rejects(job)).splitlines()
    assert header == HEADER + ",_row,_column,_code,_message"
    assert row.startswith("U2,করিম স্টোর,01711000002,T2,,,,,,,,3,territory,unknown_territory,")


async def test_rejects_of_split_and_load_stand_in_the_order_of_the_file(jobs: BulkWork, place: Place) -> None:
    rows = ["U1,,,T1", "U2,Two,017110000,T1", "U3,Three,01711000003,T1", "U4,,,T2", "U3,Last,01711000003,T1"]
    job = await jobs.run_import(csv_of("uid,name,phone,territory", rows))
    assert (job.rows, job.created, job.rejected) == (5, 1, 4)
    rejects = pl.read_csv((await jobs.rejects(job)).encode())
    assert rejects["_row"].to_list() == [2, 3, 4, 5]
    assert rejects["_code"].to_list() == ["needed_to_create", "not_a_phone", "superseded", "needed_to_create"]
    assert await place.retailers("name") == [("Last",)]


async def test_a_dry_run_counts_the_same_and_changes_nothing(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    content = csv_of("uid,name,phone,territory,points", ["U1,,,,77", "U2,,,,0", "U7,Seven,01711000007,T1,1", "U8,,,,1"])
    before = await place.retailers("uid, xmin::text, points")
    dry = await jobs.run_import(content, mode="dry_run")
    assert await place.retailers("uid, xmin::text, points") == before
    assert await place.rows("SELECT count(*) FROM before_images WHERE job_id = $1", dry.id) == [(0,)]
    real = await jobs.run_import(content)
    counts = [(job.rows, job.created, job.updated, job.unchanged, job.rejected, job.faults) for job in (dry, real)]
    assert counts[0] == counts[1] == (4, 1, 1, 1, 1, {"needed_to_create": 1})


async def test_an_attempt_that_was_replaced_writes_nothing(jobs: BulkWork, place: Place, tmp_path: Path) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, FULL))
    (number,) = await jobs.run_to_load(job_id)
    slow = await jobs.claim(job_id, number, scratch=tmp_path)
    await place.owner.execute("UPDATE chunks SET state = 'queued' WHERE job_id = $1 AND number = $2", job_id, number)
    await jobs.run_chunk(job_id, number)
    with pytest.raises(LeaseLost):
        await jobs.do(slow)
    job = await jobs.run(job_id)
    assert (job.created, job.rows) == (3, 3)


async def test_a_split_that_is_repeated_doubles_nothing(jobs: BulkWork, place: Place, tmp_path: Path) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, [*FULL, "U4,,,"]))
    ((number, _),) = (await jobs.advance(job_id)).to_send
    first = await jobs.claim(job_id, number, scratch=tmp_path)
    await place.owner.execute("UPDATE chunks SET state = 'queued' WHERE job_id = $1", job_id)
    await jobs.run_chunk(job_id, number)
    with pytest.raises(LeaseLost):
        await jobs.do(first)
    job = await jobs.run(job_id)
    assert (job.rows, job.created, job.rejected) == (4, 3, 1)
    assert await place.retailers("uid") == [("U1",), ("U2",), ("U3",)]


async def test_two_chunks_load_side_by_side(jobs: BulkWork, place: Place) -> None:
    rows = [f"U{number:05d},Shop {number},0171{number:07d},T{number % 3 + 1}" for number in range(45_000)]
    job_id = await jobs.submit_import(csv_of("uid,name,phone,territory", rows))
    numbers = await jobs.run_to_load(job_id)
    assert len(numbers) >= 2
    await asyncio.gather(*(jobs.run_chunk(job_id, number) for number in numbers))
    job = await jobs.run(job_id)
    assert (job.rows, job.created) == (45_000, 45_000)
    assert await place.rows("SELECT count(*) FROM retailers WHERE tenant_id = $1", place.tenant_id) == [(45_000,)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("uid,name\n", "no_rows"),
        ("name,phone\nx,y\n", "missing_column"),
        ("\x89PNG\r\n\x1a\n", "not_a_table"),
    ],
)
async def test_a_file_that_is_none_fails_the_job_with_one_clear_message(
    jobs: BulkWork, content: str, code: str
) -> None:
    job = await jobs.run_import(content.encode("latin-1"))
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == code
    assert (job.rows, job.created) == (0, 0)


async def test_books_of_holders_are_rendered_for_changed_rows_only(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(csv_of(HEADER, FULL))
    await place.give("U1", place.srs[0])
    await place.give("U2", place.srs[1])
    job = await jobs.run_import(csv_of("uid,points", ["U1,6", "U2,0", "U3,8"]))
    assert jobs.rendered[job.id] == {place.srs[0]}


async def test_an_upload_that_is_no_longer_kept_fails_the_job_with_what_to_do(jobs: BulkWork) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, FULL))
    await jobs.files.delete((await jobs.job(job_id)).upload_key or "")
    job = await jobs.run(job_id)
    wanted = {"code": "upload_missing", "message": "The uploaded file is no longer kept: upload it again."}
    assert (job.state, job.error, job.rows) == ("failed", wanted, 0)


async def test_a_rejected_row_is_told_all_its_faults_even_those_that_only_the_database_knows(
    jobs: BulkWork, place: Place
) -> None:
    await jobs.run_import(csv_of(HEADER, FULL[:1]))
    job = await jobs.run_import(csv_of("uid,name,phone,territory", ["U1,,1,", "U9,,1,", "U8,New,1,T1", "U9,,2,T1"]))
    told = [line.split(",")[5:7] for line in (await jobs.rejects(job)).splitlines()[1:]]
    assert told == [
        ["phone", "not_a_phone"],
        ["phone | name", "not_a_phone | needed_to_create"],
        ["phone", "not_a_phone"],
        ["phone | name", "not_a_phone | needed_to_create"],
    ]
    assert job.faults == {"not_a_phone": 4, "needed_to_create": 2}
    assert await place.retailers("uid") == [("U1",)]

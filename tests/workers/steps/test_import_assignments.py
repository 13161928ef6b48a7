"""What a file of assignments does: each retailer goes to the SR that its row names, or stays where it is."""

import asyncio
import csv
import io

import pytest

from domain.shared.errors import Unavailable
from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

HEADER = "uid,sr_login"


@pytest.fixture
async def logins(jobs: BulkWork, place: Place) -> list[str]:
    """The logins of three SRs, of whom the first has U1 and the second U2; nobody has U3."""
    await jobs.run_import(
        csv_of("uid,name,phone,territory", [f"U{number},Shop,0171100000{number},T1" for number in (1, 2, 3)])
    )
    found = []
    for number, sr_id in enumerate(place.srs):
        found.append(f"sr-{number:05d}@haat.test")
        await place.owner.execute("UPDATE users SET login = $2 WHERE id = $1", sr_id, found[-1])
    await place.give("U1", place.srs[0])
    await place.give("U2", place.srs[1])
    return found


def told(rejects: str) -> list[tuple[str, str, str]]:
    return [(row["uid"], row["_column"], row["_code"]) for row in csv.DictReader(io.StringIO(rejects))]


async def test_retailers_change_hands_and_books_follow(jobs: BulkWork, place: Place, logins: list[str]) -> None:
    rows = [f"U1,{logins[1].upper()}", f"U2,{logins[1]}", f"U3,{logins[2]}"]
    checked = await jobs.run_import(csv_of(HEADER, rows), kind="assignments", mode="dry_run")
    assert await place.holders() == {"U1": place.srs[0], "U2": place.srs[1]}
    job = await jobs.run_import(csv_of(HEADER, rows), kind="assignments")
    assert await place.holders() == {"U1": place.srs[1], "U2": place.srs[1], "U3": place.srs[2]}
    for one in (checked, job):
        assert (one.state, one.created, one.updated, one.unchanged) == ("succeeded", 1, 1, 1)
    assert jobs.rendered[job.id] == set(place.srs)
    again = await jobs.run_import(csv_of(HEADER, rows), kind="assignments")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    assert again.id not in jobs.rendered


@pytest.mark.usefixtures("logins")
async def test_backslash_n_takes_a_retailer_from_whoever_has_it(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(csv_of(HEADER, [r"U1,\N", r"U3,\N"]), kind="assignments")
    assert (job.updated, job.unchanged) == (1, 1)
    assert await place.holders() == {"U2": place.srs[1]}


async def test_every_fault_is_told_with_what_may_have_been_meant(
    jobs: BulkWork, place: Place, logins: list[str]
) -> None:
    admin = await place.owner.fetchval("SELECT login FROM users WHERE id = $1", jobs.admin_id)
    await place.owner.execute("UPDATE users SET active = false WHERE id = $1", place.srs[2])
    await place.change("U3", "deleted_at = now()")
    rows = [
        "U9,s-00000@haat.tst",
        "U1,",
        f"U1,{admin}",
        f"U2,{logins[2]}",
        f"U3,{logins[0]}",
        f"u1,{logins[0]}",
    ]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="assignments")
    rejects = await jobs.rejects(job)
    assert told(rejects) == [
        ("U9", "sr_login | uid", "unknown_sr | unknown_retailer"),
        ("U1", "sr_login", "required"),
        ("U1", "sr_login", "sr_unavailable"),
        ("U2", "sr_login", "sr_unavailable"),
        ("U3", "uid", "unknown_retailer"),
        ("u1", "uid", "unknown_retailer"),
    ]
    assert f"There is no user s-00000@haat.tst: did you mean {logins[0]}?" in rejects
    assert {(one.code, one.column): one.count for one in job.fault_groups} == {
        ("unknown_retailer", "uid"): 3,
        ("sr_unavailable", "sr_login"): 2,
        ("unknown_sr", "sr_login"): 1,
        ("required", "sr_login"): 1,
    }
    assert job.fault_groups[0].example_row == 2


async def test_an_sr_disabled_after_the_split_gets_nothing(jobs: BulkWork, place: Place, logins: list[str]) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, [f"U3,{logins[2]}", f"U1,{logins[1]}"]), kind="assignments")
    (number,) = await jobs.run_to_load(job_id)
    await place.owner.execute("UPDATE users SET active = false WHERE id = $1", place.srs[2])
    await jobs.run_chunk(job_id, number)
    job = await jobs.run(job_id)
    assert (job.updated, job.faults) == (1, {"sr_unavailable": 1})
    assert told(await jobs.rejects(job)) == [("U3", "sr_login", "sr_unavailable")]


async def test_a_retailer_that_changes_hands_meanwhile_is_looked_at_anew(
    jobs: BulkWork, place: Place, logins: list[str]
) -> None:
    job_id = await jobs.submit_import(csv_of(HEADER, [f"U1,{logins[1]}"]), kind="assignments")
    (number,) = await jobs.run_to_load(job_id)
    async with place.owner.transaction():
        await place.owner.execute(
            "SELECT FROM assignments WHERE sr_id = $1 AND ended_at IS NULL FOR UPDATE", place.srs[0]
        )
        await place.give("U1", place.srs[2])
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
    with pytest.raises(Unavailable):
        await loading
    assert await place.holders() == {"U1": place.srs[2], "U2": place.srs[1]}
    await jobs.try_again(job_id, number)
    job = await jobs.run(job_id)
    assert (job.updated, job.rejected) == (1, 0)
    assert await place.holders() == {"U1": place.srs[1], "U2": place.srs[1]}


async def test_undo_gives_retailers_back_unless_somebody_has_moved_them_since(
    jobs: BulkWork, place: Place, logins: list[str]
) -> None:
    before = await place.holders()
    job = await jobs.run_import(
        csv_of(HEADER, [f"U1,{logins[2]}", f"U2,{logins[2]}", f"U3,{logins[2]}"]), kind="assignments"
    )
    await place.give("U2", place.srs[0])
    undo = await jobs.run_undo(job.id)
    assert (undo.updated, undo.rejected) == (2, 1)
    assert await place.holders() == before | {"U2": place.srs[0]}
    assert jobs.rendered[undo.id] >= {place.srs[0], place.srs[2]}

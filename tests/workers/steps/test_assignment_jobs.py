"""Assignment jobs: who holds what afterwards, and what is left to whom it was given meanwhile."""

import asyncio
import uuid
from collections import Counter

import pytest

from adapters.postgres.transaction import reading, transaction
from commands.assignments.submit_assignment import SubmitAssignment, submit_assignment
from domain.assignments import AssignmentRequest, Drifted, Preview, Selection, Strategy
from domain.shared.actor import worker_actor
from queries._read import Read
from queries._selected_retailers import weigh
from queries.assignments.preview import assignment_preview
from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

EVERYTHING = Selection(all=True)


async def stock(jobs: BulkWork, count: int) -> None:
    rows = [f"U{number:02d},Shop {number},017110000{number:02d},T{number % 3 + 1}" for number in range(count)]
    await jobs.run_import(csv_of("uid,name,phone,territory", rows))


def wanted(select: Selection, to: list[uuid.UUID] | None, strategy: Strategy = Strategy.BALANCE) -> AssignmentRequest:
    return AssignmentRequest(select=select, to=None if to is None else tuple(to), strategy=strategy)


async def preview_of(jobs: BulkWork, request: AssignmentRequest) -> Preview:
    return await assignment_preview(Read(engine=jobs.engine, actor=jobs.admin), request)


async def submit(jobs: BulkWork, request: AssignmentRequest, preview: Preview | None = None) -> uuid.UUID:
    preview = preview or await preview_of(jobs, request)
    async with transaction(jobs.engine, jobs.admin) as tx:
        return await submit_assignment(SubmitAssignment(request=request, expect=preview.expect), tx, weigh=weigh)


async def test_balance_shares_out_evenly_as_previewed(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 20)
    request = wanted(EVERYTHING, place.srs)
    preview = await preview_of(jobs, request)
    job = await jobs.run(await submit(jobs, request, preview))
    assert (job.state, job.rows, job.created, job.updated, job.unchanged) == ("succeeded", 20, 20, 0, 0)
    held = Counter((await place.holders()).values())
    assert sorted(held.values()) == [6, 7, 7]
    assert {load.sr_id: load.after for load in preview.loads} == held
    assert jobs.rendered[job.id] == set(place.srs)


async def test_who_has_a_retailer_keeps_it_up_to_the_even_share(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 9)
    for uid in ("U00", "U01", "U02", "U03", "U04"):
        await place.give(uid, place.srs[0])
    before = await place.rows("SELECT id FROM assignments WHERE tenant_id = $1", place.tenant_id)
    job = await jobs.run(await submit(jobs, wanted(EVERYTHING, place.srs)))
    assert (job.created, job.updated, job.unchanged) == (4, 2, 3)
    assert Counter((await place.holders()).values()) == dict.fromkeys(place.srs, 3)
    rows = await place.rows("SELECT id FROM assignments WHERE tenant_id = $1 AND ended_at IS NULL", place.tenant_id)
    assert len(set(rows) & set(before)) == 3


async def test_unassigning_closes_rows_and_deletes_none(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    await place.give("U00", place.srs[0])
    await place.give("U01", place.srs[1])
    preview = await preview_of(jobs, wanted(EVERYTHING, None))
    assert [(loss.sr_id, loss.count) for loss in preview.losses] == [(place.srs[0], 1), (place.srs[1], 1)]
    job = await jobs.run(await submit(jobs, wanted(EVERYTHING, None)))
    assert (job.created, job.updated, job.unchanged) == (0, 2, 2)
    assert await place.holders() == {}
    assert await place.rows("SELECT count(*) FROM assignments WHERE tenant_id = $1", place.tenant_id) == [(2,)]


async def test_a_holder_changed_after_planning_is_left_to_whom_it_was_given(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    job_id = await submit(jobs, wanted(EVERYTHING, [place.srs[0]], Strategy.ALL_TO_ONE))
    (number,) = await jobs.run_to_load(job_id)
    await place.give("U02", place.srs[1])
    await jobs.run_chunk(job_id, number)
    job = await jobs.run(job_id)
    assert (job.created, job.rejected, job.faults) == (3, 1, {"holder_changed": 1})
    assert (await place.holders())["U02"] == place.srs[1]
    assert (await jobs.rejects(job)).splitlines()[1].startswith("U02,Shop 2,2,,holder_changed,")


async def test_an_sr_disabled_after_planning_is_given_nothing(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    job_id = await submit(jobs, wanted(EVERYTHING, place.srs[:2]))
    (number,) = await jobs.run_to_load(job_id)
    await place.owner.execute("UPDATE users SET active = false WHERE id = $1", place.srs[0])
    await jobs.run_chunk(job_id, number)
    job = await jobs.run(job_id)
    assert (job.created, job.rejected, job.faults) == (2, 2, {"sr_unavailable": 2})
    assert set((await place.holders()).values()) == {place.srs[1]}


async def test_a_retailer_deleted_after_planning_is_an_exception(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 3)
    job_id = await submit(jobs, wanted(EVERYTHING, place.srs))
    (number,) = await jobs.run_to_load(job_id)
    await place.change("U01", "deleted_at = now()")
    await jobs.run_chunk(job_id, number)
    assert (await jobs.run(job_id)).faults == {"retailer_gone": 1}


async def test_an_assignment_committed_while_the_chunk_waits_is_not_overwritten(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 3)
    await place.give("U00", place.srs[0])
    job_id = await submit(jobs, wanted(EVERYTHING, [place.srs[1]], Strategy.ALL_TO_ONE))
    (number,) = await jobs.run_to_load(job_id)
    async with place.owner.transaction():
        await place.give("U00", place.srs[2])
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
    await loading
    job = await jobs.run(job_id)
    assert (job.created, job.rejected) == (2, 1)
    assert (await place.holders())["U00"] == place.srs[2]


async def test_a_selection_that_drifted_after_submission_fails_the_job_untouched(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    job_id = await submit(jobs, wanted(EVERYTHING, place.srs))
    await place.give("U02", place.srs[1])
    job = await jobs.run(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["code"] == "drifted"
    assert await place.holders() == {"U02": place.srs[1]}


async def test_one_in_and_one_out_is_a_drift(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    await place.change("U03", "deleted_at = now()")
    request = wanted(EVERYTHING, place.srs)
    preview = await preview_of(jobs, request)
    await place.change("U03", "deleted_at = NULL")
    await place.change("U02", "deleted_at = now()")
    assert preview.expect.count == (await preview_of(jobs, request)).expect.count
    with pytest.raises(Drifted):
        await submit(jobs, request, preview)


async def test_the_digest_knows_no_order_and_the_worker_sees_what_the_admin_saw(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 9)
    await place.give("U05", place.srs[1])
    uids = tuple(f"U{number:02d}" for number in range(9))
    expected = (await preview_of(jobs, wanted(EVERYTHING, place.srs))).expect
    for select in (Selection(retailer_uids=uids), Selection(retailer_uids=uids[::-1])):
        assert (await preview_of(jobs, wanted(select, place.srs))).expect == expected
    async with reading(jobs.engine, worker_actor(jobs.tenant_id)) as conn:
        assert (await weigh(conn, jobs.tenant_id, wanted(EVERYTHING, place.srs))).expect == expected


async def test_undo_gives_every_retailer_back(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 6)
    await place.give("U00", place.srs[0])
    await place.give("U01", place.srs[1])
    before = await place.holders()
    job = await jobs.run(await submit(jobs, wanted(EVERYTHING, [place.srs[2]], Strategy.ALL_TO_ONE)))
    rows = await place.rows("SELECT count(*) FROM assignments WHERE tenant_id = $1", place.tenant_id)
    undo = await jobs.run_undo(job.id)
    assert (undo.state, undo.rows, undo.rejected) == ("succeeded", 6, 0)
    assert await place.holders() == before
    assert (await jobs.job(job.id)).state == "undone"
    assert await place.rows("SELECT count(*) FROM assignments WHERE tenant_id = $1", place.tenant_id) == [
        (rows[0][0] + 2,)
    ]
    assert jobs.rendered[undo.id] == set(place.srs)


async def test_undo_leaves_alone_what_was_given_to_somebody_else_since(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 3)
    job = await jobs.run(await submit(jobs, wanted(EVERYTHING, [place.srs[2]], Strategy.ALL_TO_ONE)))
    await place.give("U01", place.srs[0])
    undo = await jobs.run_undo(job.id)
    assert (undo.updated, undo.rejected, undo.faults) == (2, 1, {"changed_since": 1})
    assert await place.holders() == {"U01": place.srs[0]}

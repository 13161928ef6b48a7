"""Assignments for a later day, and loans that return: what happens on the day, and what was changed meanwhile."""

import tempfile
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.transaction import transaction
from commands.assignments.submit_assignment import SubmitAssignment, submit_assignment
from commands.jobs.cancel_job import CancelJob, cancel_job
from commands.jobs.retry_job import RetryJob, retry_job
from domain.assignments import AssignmentRequest, Selection, Strategy, UnfitRequest
from domain.jobs import JobRow
from domain.shared.actor import worker_actor
from domain.shared.days import today
from queries._read import Read
from queries._selected_retailers import weigh
from queries.assignments.preview import assignment_preview
from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

TOMORROW, IN_A_WEEK = timedelta(days=1), timedelta(days=7)


async def stock(jobs: BulkWork, count: int) -> None:
    rows = [f"U{number:02d},Shop {number},017110000{number:02d},T{number % 3 + 1}" for number in range(count)]
    await jobs.run_import(csv_of("uid,name,phone,territory", rows))


async def submit(
    jobs: BulkWork,
    to: list[uuid.UUID] | None,
    *uids: str,
    after: timedelta | None = None,
    back_after: timedelta | None = None,
) -> uuid.UUID:
    """An assignment of these retailers, or of all, to take effect and to return so long from today."""
    async with transaction(jobs.engine, jobs.admin) as tx:
        day = today(tx.now, "Asia/Dhaka")
    request = AssignmentRequest(
        select=Selection(retailer_uids=uids) if uids else Selection(all=True),
        to=None if to is None else tuple(to),
        strategy=Strategy.BALANCE,
        effective_on=None if after is None else day + after,
        return_on=None if back_after is None else day + back_after,
    )
    preview = await assignment_preview(Read(engine=jobs.engine, actor=jobs.admin), request)
    async with transaction(jobs.engine, jobs.admin) as tx:
        return await submit_assignment(SubmitAssignment(request=request, expect=preview.expect), tx, weigh=weigh)


async def planned(jobs: BulkWork, job_id: uuid.UUID) -> JobRow:
    """The job once it has made its plan and waits for its day."""
    for number in await jobs.run_to_load(job_id):
        pytest.fail(f"chunk {number} is to be loaded before its day")
    job = await jobs.job(job_id)
    assert (job.state, job.phase) == ("queued", "planned")
    return job


async def day_comes(place: Place, job_id: uuid.UUID) -> None:
    """As if the day that the job waits for had just begun."""
    await place.owner.execute(
        "UPDATE jobs SET starts_on = (now() AT TIME ZONE 'Asia/Dhaka')::date WHERE id = $1", job_id
    )


async def return_of(jobs: BulkWork, place: Place, job_id: uuid.UUID) -> JobRow:
    """The return that the loans of the job have brought about."""
    ((found,),) = await place.rows("SELECT id FROM jobs WHERE return_of = $1 ORDER BY id DESC LIMIT 1", job_id)
    return await jobs.job(found)


async def returned(jobs: BulkWork, place: Place, job_id: uuid.UUID) -> JobRow:
    """The return of the job's loans after its day has come."""
    job = await return_of(jobs, place, job_id)
    await day_comes(place, job.id)
    return await jobs.run(job.id)


async def test_what_is_planned_for_a_day_waits_for_it_and_keeps_nobody_waiting(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    ours, cover, _ = place.srs
    job_id = await submit(jobs, [ours], after=TOMORROW)
    job = await planned(jobs, job_id)
    assert job.starts_on is not None
    assert job.waiting_for == f"{job.starts_on}, 00:00 in Asia/Dhaka"
    assert await place.holders() == {}
    other = await jobs.run(await submit(jobs, [cover], "U03"))
    assert other.state == "succeeded"
    await day_comes(place, job_id)
    done = await jobs.run(job_id)
    assert (done.state, done.created, done.rejected, done.faults) == ("succeeded", 3, 1, {"holder_changed": 1})
    assert await place.holders() == {"U00": ours, "U01": ours, "U02": ours, "U03": cover}
    assert (await jobs.rejects(done)).splitlines()[1].startswith("U03,Shop 3,2,,holder_changed,")
    assert jobs.rendered[job_id] == {ours}


async def test_no_worker_can_take_what_is_planned_before_its_day(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    job_id = await submit(jobs, [place.srs[0]], after=TOMORROW)
    ((split, _),) = (await jobs.advance(job_id)).to_send
    await jobs.run_chunk(job_id, split)
    # Before anybody looks at the job again.
    async with transaction(jobs.engine, worker_actor(jobs.tenant_id)) as tx:
        assert await chunk_store.claim(tx, job_id, split + 1, worker_id=uuid.uuid4()) is None
    job = await jobs.job(job_id)
    assert (job.state, job.phase) == ("queued", "planned")


async def test_a_cancel_during_the_planning_ends_the_job(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    job_id = await submit(jobs, [place.srs[0]], after=TOMORROW)
    ((split, _),) = (await jobs.advance(job_id)).to_send
    with tempfile.TemporaryDirectory() as scratch:
        work = await jobs.claim(job_id, split, scratch=Path(scratch))
        async with transaction(jobs.engine, jobs.admin) as tx:
            await cancel_job(CancelJob(job_id=job_id), tx)
        await jobs.do(work)
    job = await jobs.run(job_id)
    assert (job.state, job.not_loaded) == ("cancelled", 2)


async def test_what_waits_for_its_day_can_be_cancelled_and_taken_up_again(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    job_id = await submit(jobs, [place.srs[0]], after=TOMORROW)
    await planned(jobs, job_id)
    async with transaction(jobs.engine, jobs.admin) as tx:
        await cancel_job(CancelJob(job_id=job_id), tx)
    job = await jobs.job(job_id)
    assert (job.state, job.rows, job.not_loaded) == ("cancelled", 2, 2)
    await day_comes(place, job_id)
    assert (await jobs.advance(job_id)).ended
    assert await place.holders() == {}
    async with transaction(jobs.engine, jobs.admin) as tx:
        await retry_job(RetryJob(job_id=job_id), tx)
    assert (await jobs.run(job_id)).created == 2


async def test_dates_that_cannot_be_are_refused(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 1)
    ours = place.srs[0]
    for to, after, back_after, pointer in (
        ([ours], timedelta(days=-1), None, "/effective_on"),
        ([ours], timedelta(days=400), None, "/effective_on"),
        ([ours], None, timedelta(days=0), "/return_on"),
        ([ours], IN_A_WEEK, IN_A_WEEK, "/return_on"),
        ([ours], None, timedelta(days=400), "/return_on"),
        (None, None, IN_A_WEEK, "/return_on"),
    ):
        with pytest.raises(UnfitRequest) as refused:
            await submit(jobs, to, after=after, back_after=back_after)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]


async def test_what_is_lent_returns_on_its_day(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 3)
    owner, cover, _ = place.srs
    await place.give("U00", owner)
    await place.give("U01", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    assert set((await place.holders()).values()) == {cover}
    back = await return_of(jobs, place, loan.id)
    assert (back.kind, back.state, back.starts_on, back.total) == ("return", "queued", loan.returns_on, 3)
    assert back.phase == "planned"
    assert not (await jobs.advance(back.id)).to_send
    done = await returned(jobs, place, loan.id)
    assert (done.state, done.updated, done.rejected) == ("succeeded", 3, 0)
    assert await place.holders() == {"U00": owner, "U01": owner}
    assert jobs.rendered[done.id] == {owner, cover}
    assert await place.rows("SELECT count(*) FROM loans WHERE tenant_id = $1", place.tenant_id) == [(0,)]


async def test_what_changed_during_the_loan_stays_as_it_is(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 4)
    owner, cover, other = place.srs
    for number in range(4):
        await place.give(f"U{number:02d}", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    await place.give("U01", other)
    # Away and back again is a change too: it is the cover's own now.
    await place.give("U02", other)
    await place.give("U02", cover)
    await place.change("U03", "deleted_at = now()")
    done = await returned(jobs, place, loan.id)
    assert (done.updated, done.faults) == (1, {"holder_changed": 2, "retailer_gone": 1})
    assert await place.holders() == {"U00": owner, "U01": other, "U02": cover, "U03": cover}


async def test_a_lender_who_was_disabled_gets_nothing_back(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    owner, cover, _ = place.srs
    await place.give("U00", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    await place.owner.execute("UPDATE users SET active = false WHERE id = $1", owner)
    done = await returned(jobs, place, loan.id)
    assert (done.updated, done.faults) == (1, {"sr_unavailable": 1})
    assert await place.holders() == {"U00": cover}


async def test_the_cover_of_a_cover_returns_step_by_step(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 1)
    owner, cover, second = place.srs
    await place.give("U00", owner)
    long = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    short = await jobs.run(await submit(jobs, [second], back_after=TOMORROW))
    assert (await returned(jobs, place, short.id)).updated == 1
    assert await place.holders() == {"U00": cover}
    assert (await returned(jobs, place, long.id)).updated == 1
    assert await place.holders() == {"U00": owner}


async def test_who_lent_first_gets_it_back_from_the_cover_of_the_cover(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 1)
    owner, cover, second = place.srs
    await place.give("U00", owner)
    short = await jobs.run(await submit(jobs, [cover], back_after=TOMORROW))
    long = await jobs.run(await submit(jobs, [second], back_after=IN_A_WEEK))
    assert (await returned(jobs, place, short.id)).updated == 1
    assert await place.holders() == {"U00": owner}
    assert (await returned(jobs, place, long.id)).faults == {"holder_changed": 1}
    assert await place.holders() == {"U00": owner}


async def test_undoing_a_loan_calls_its_return_off(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    owner, cover, _ = place.srs
    await place.give("U00", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    assert (await jobs.run_undo(loan.id)).rejected == 0
    assert await place.holders() == {"U00": owner}
    assert (await return_of(jobs, place, loan.id)).state == "cancelled"


async def test_a_return_that_stopped_and_whose_loan_was_undone_can_be_taken_up_again(
    jobs: BulkWork, place: Place
) -> None:
    await stock(jobs, 2)
    owner, cover, _ = place.srs
    await place.give("U00", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    back = await return_of(jobs, place, loan.id)
    await day_comes(place, back.id)
    assert len(await jobs.run_to_load(back.id)) == 1
    async with transaction(jobs.engine, jobs.admin) as tx:
        await cancel_job(CancelJob(job_id=back.id), tx)
    assert (await jobs.run(back.id)).state == "cancelled"
    await jobs.run_undo(loan.id)
    async with transaction(jobs.engine, jobs.admin) as tx:
        await retry_job(RetryJob(job_id=back.id), tx)
    job = await jobs.run(back.id)
    assert (job.state, job.rows, job.not_loaded) == ("succeeded", 0, 0)
    assert await place.holders() == {"U00": owner}


async def test_undoing_the_cover_of_a_cover_leaves_the_first_loan_in_force(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 1)
    owner, cover, second = place.srs
    await place.give("U00", owner)
    first = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    over = await jobs.run(await submit(jobs, [second], back_after=TOMORROW))
    await jobs.run_undo(over.id)
    assert await place.holders() == {"U00": cover}
    assert (await returned(jobs, place, first.id)).updated == 1
    assert await place.holders() == {"U00": owner}


@pytest.mark.parametrize("to_nobody", [False, True])
async def test_undoing_an_assignment_puts_the_loans_in_force_that_it_ended(
    jobs: BulkWork, place: Place, *, to_nobody: bool
) -> None:
    await stock(jobs, 1)
    owner, cover, other = place.srs
    await place.give("U00", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=IN_A_WEEK))
    mistake = await jobs.run(await submit(jobs, None if to_nobody else [other]))
    await jobs.run_undo(mistake.id)
    assert await place.holders() == {"U00": cover}
    assert (await returned(jobs, place, loan.id)).updated == 1
    assert await place.holders() == {"U00": owner}


async def test_the_next_cover_takes_over_from_the_lender(jobs: BulkWork, place: Place) -> None:
    await stock(jobs, 2)
    owner, cover, next_one = place.srs
    await place.give("U00", owner)
    loan = await jobs.run(await submit(jobs, [cover], back_after=TOMORROW))
    assert set((await place.holders()).values()) == {cover}
    takes_over = await submit(jobs, [next_one], after=TOMORROW, back_after=IN_A_WEEK)
    await planned(jobs, takes_over)
    back = await return_of(jobs, place, loan.id)
    await day_comes(place, takes_over)
    await day_comes(place, back.id)
    assert not (await jobs.advance(takes_over)).to_send
    assert (await jobs.job(takes_over)).waiting_for == f"job {back.id}"
    assert (await jobs.run(back.id)).updated == 2
    assert await place.holders() == {"U00": owner}
    done = await jobs.run(takes_over)
    assert (done.created, done.updated, done.rejected) == (1, 1, 0)
    assert (await returned(jobs, place, takes_over)).updated == 2
    assert await place.holders() == {"U00": owner}

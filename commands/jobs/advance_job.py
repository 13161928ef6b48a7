"""Take a job as far as it goes: start it when it is its turn, plan the next step, end it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import rendering, turns
from adapters.postgres.stores.chunks import Tally
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.jobs._ending import end_job
from commands.jobs._planned import day_to_wait_for
from domain.jobs import CHUNKS_AT_ONCE, ENDED, JobRow, Phase, PlannedChunk, decided_ending, next_phase

# A worker that looks through them costs another turn of the queue, which moving a few retailers need not wait for.
_LOOKED_THROUGH_AT_ONCE = 1_000
# Where a row of the job touches the books of its holders alone.
_ONE_BOOK_A_ROW = ("retailers", "assignments")


class AdvanceJob(Command, frozen=True, kw_only=True):
    """Harmless at any time, by anyone, as often as you like."""

    job_id: UUID


class Advanced(msgspec.Struct, frozen=True, kw_only=True):
    """`to_send` are (number, attempt) of chunks that workers should look at now."""

    ended: bool
    to_send: Sequence[tuple[int, int]] = ()


async def advance_job(command: AdvanceJob, tx: Tx) -> Advanced:
    """Raises NotFound."""
    job = await job_store.lock(tx, command.job_id)
    if job.state in ENDED:
        return Advanced(ended=True)
    if job.state == "queued":
        job = await _start(tx, job)
        if job.state == "queued":
            return Advanced(ended=False)
    while True:
        job, tally = await _decide(tx, job)
        if tally.open:
            if job.phase == "split" and tally.split_done:
                if (day := await day_to_wait_for(tx, job, planned=True)) is not None:
                    await _wait(tx, job, "planned", day)
                    return Advanced(ended=False)
                await job_store.update(tx, job.id, phase="load")
            room = max(0, CHUNKS_AT_ONCE - tally.running)
            return Advanced(ended=False, to_send=await chunk_store.due(tx, job.id, limit=room))
        job = await _go_on(tx, job, tally)
        if job.state in ENDED:
            return Advanced(ended=True)


async def _start(tx: Tx, job: JobRow) -> JobRow:
    if (day := await day_to_wait_for(tx, job, planned=job.phase == "planned")) is not None:
        return await _wait(tx, job, "planned", day)
    if (before := await turns.take(tx, job)) is not None:
        return await _wait(tx, job, "waiting", f"job {before.id}")
    if not await chunk_store.exist(tx, job.id):
        await job_store.plan_chunks(tx, job.id, [PlannedChunk(rows=0, params={})], step="split")
    return await job_store.update(tx, job.id, state="running", phase="split", started_at=tx.now, waiting_for=None)


async def _wait(tx: Tx, job: JobRow, phase: Phase, waiting_for: str) -> JobRow:
    if (job.state, job.phase, job.waiting_for) == ("queued", phase, waiting_for):
        return job
    return await job_store.update(tx, job.id, state="queued", phase=phase, waiting_for=waiting_for)


async def _decide(tx: Tx, job: JobRow) -> tuple[JobRow, Tally]:
    tally = await chunk_store.tally(tx, job.id)
    cancelled = job.cancel_requested_at is not None
    ending = decided_ending(job.ending, failure=tally.failure, cancel_requested=cancelled)
    if ending == job.ending:
        if ending in {"failed", "cancelled"} and tally.open:
            # A part whose worker died or stopped since waits for another one, and nobody is to take it.
            await chunk_store.cancel_queued(tx, job.id, steps=("split", "load"))
            tally = await chunk_store.tally(tx, job.id)
        return job, tally
    error = None
    if tally.failure is not None:
        code, _, message = tally.failure.partition(": ")
        error = {"code": code, "message": message}
    job = await job_store.update(tx, job.id, ending=ending, error=error)
    await chunk_store.cancel_queued(tx, job.id, steps=("split", "load"))
    return job, await chunk_store.tally(tx, job.id)


async def _go_on(tx: Tx, job: JobRow, tally: Tally) -> JobRow:
    phase = next_phase(job.phase, split_done=tally.split_done, ending=job.ending)
    if phase == "ended":
        return await end_job(tx, job, job.ending or "succeeded", tally)
    if phase == "render":
        await _plan_rendering(tx, job, tally)
        return await job_store.update(tx, job.id, phase=phase, ending=job.ending or "succeeded")
    if phase == "finish":
        if tally.failure is None or not await chunk_store.failed(tx, job.id, step="render"):
            await chunk_store.books_are_fresh(tx, job.id)
        await job_store.plan_chunks(tx, job.id, [PlannedChunk(rows=0, params={})], step="finish")
    return await job_store.update(tx, job.id, phase=phase)


async def _plan_rendering(tx: Tx, job: JobRow, tally: Tally) -> None:
    """Few rows are looked through at once; for many a worker does it, so that nobody waits for the job's lock."""
    changed = tally.counts.created + tally.counts.updated
    if not changed or not await chunk_store.stale_chunks(tx, job.id):
        return
    if changed <= _LOOKED_THROUGH_AT_ONCE and job.subject in _ONE_BOOK_A_ROW:
        await rendering.plan_rendering(tx, job.id)
    else:
        await rendering.plan_look(tx, job.id)

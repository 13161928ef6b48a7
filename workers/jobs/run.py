"""Works on one chunk of a job: claim it, keep its lease alive, do its step, and say what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import turns
from adapters.postgres.stores.chunks import Claimed
from adapters.postgres.transaction import Tx, transaction
from adapters.redis.job_progress import PieceProgress
from domain.jobs import CHUNKS_AT_ONCE, JobFailed, JobRow
from domain.shared.actor import RELAY, worker_actor
from domain.shared.errors import Unavailable
from workers.jobs.advance import advance
from workers.jobs.failures import classify, is_passing
from workers.jobs.scratch import scratch_folder
from workers.jobs.steps import do_step
from workers.jobs.work import Cancelled, Chunk, LeaseLost, Work
from workers.machinery import Machinery

log = structlog.get_logger()

BEAT_SECONDS = 1.0
# Shorter than the lease of 15 s: whoever cannot reach PostgreSQL stops before somebody else begins.
SILENT_SECONDS = 12.0
SAYING_SECONDS = 20.0
# Two who look at the same moment find the same chunk; one of them looks again.
_TIMES_OVERTAKEN = 20


async def run_next_chunk(machinery: Machinery) -> None:
    """Do the chunk whose turn it is now, whichever chunk it was that somebody sent for.

    Every chunk that is due has been sent for once: as many are taken, only in another order.
    """
    for _ in range(_TIMES_OVERTAKEN):
        async with transaction(machinery.engine, RELAY) as tx:
            turn = await turns.next_chunk(tx, at_once=CHUNKS_AT_ONCE)
        if turn is None or await run_chunk(machinery, turn.tenant_id, turn.job_id, turn.number):
            return


async def run_chunk(machinery: Machinery, tenant_id: UUID, job_id: UUID, number: int) -> bool:
    """Do the chunk if nobody else does, and say so; afterwards the job is taken further."""
    async with transaction(machinery.engine, worker_actor(tenant_id)) as tx:
        claimed = await chunk_store.claim(tx, job_id, number, worker_id=machinery.worker_id)
        if claimed is None:
            return False
        job = await job_store.get(tx, job_id)
    machinery.doing[job_id, number] = claimed.step
    try:
        await _attempt(machinery, job, claimed)
    finally:
        # An attempt that took over in this very process may have ended before this one.
        machinery.doing.pop((job_id, number), None)
        await machinery.progress.forget(tenant_id, job_id, number)
    try:
        await advance(machinery, tenant_id, job_id)
    except (SQLAlchemyError, Unavailable, OSError) as error:
        log.info("advance_left_to_sweeper", job_id=str(job_id), error=str(error)[:200])
    return True


async def _attempt(machinery: Machinery, job: JobRow, claimed: Claimed) -> None:
    with scratch_folder() as scratch:
        work = _work(machinery, job, claimed, scratch)
        step = asyncio.create_task(do_step(machinery, work))
        heart = asyncio.create_task(_beat(work, step))
        try:
            await step
        except LeaseLost:
            log.warning("lease_lost", job_id=str(job.id), chunk=claimed.number, attempt=claimed.attempt)
        except (Cancelled, asyncio.CancelledError):
            await asyncio.shield(_stopped(work))
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        except Exception as error:
            refused = isinstance(error, JobFailed)
            log.warning("step_failed", job_id=str(job.id), step=claimed.step, exc_info=None if refused else error)
            await _say(work, _failed(work, claimed, error))
        else:
            await _say(work, _ended(work))
        finally:
            work.stop(LeaseLost)
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)


def _work(machinery: Machinery, job: JobRow, claimed: Claimed, scratch: Path) -> Work:
    chunk = Chunk(
        number=claimed.number,
        step=claimed.step,
        attempt=claimed.attempt,
        rows=claimed.rows,
        params=claimed.params,
    )

    async def report(done: int, total: int | None, unit: str | None) -> None:
        piece = PieceProgress(done, total, unit)
        await machinery.progress.report(job.tenant_id, job.id, claimed.number, piece)

    return Work(job=job, chunk=chunk, engine=machinery.engine, files=machinery.files, scratch=scratch, reporter=report)


async def _beat(work: Work, step: asyncio.Task[None]) -> None:
    """Extend the lease every second; end the step when it is lost or the job is cancelled."""
    heard = time.monotonic()
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        try:
            async with transaction(work.engine, worker_actor(work.job.tenant_id), lock_timeout_ms=1_000) as tx:
                told = await chunk_store.extend(tx, work.job.id, work.chunk.number, attempt=work.chunk.attempt)
            heard = time.monotonic()
        except (SQLAlchemyError, OSError) as error:
            log.info("heartbeat_failed", job_id=str(work.job.id), error=str(error)[:200])
            told = None if time.monotonic() - heard > SILENT_SECONDS else False
        if told is None:
            work.stop(LeaseLost)
        elif told and work.chunk.step in {"split", "load"}:
            work.stop(Cancelled)
        if work.stopping:
            step.cancel()
            return


Saying = Callable[[Tx], Awaitable[None]]


async def _say(work: Work, saying: Saying) -> None:
    """Tell PostgreSQL; while it is away, for some time again, then leave it to the lease to run out."""
    until = time.monotonic() + SAYING_SECONDS
    while True:
        try:
            async with transaction(work.engine, worker_actor(work.job.tenant_id)) as tx:
                await saying(tx)
        except (SQLAlchemyError, OSError) as error:
            if not is_passing(error) or time.monotonic() > until:
                log.warning("outcome_not_told", job_id=str(work.job.id), error=str(error)[:200])
                return
            await asyncio.sleep(0.5)
        else:
            return


async def _stopped(work: Work) -> None:
    """The step was cancelled: by whoever cancelled the job, because another attempt took over, or to shut down."""
    if work.reason is LeaseLost:
        return

    async def saying(tx: Tx) -> None:
        await chunk_store.give_back(
            tx, work.job.id, work.chunk.number, attempt=work.chunk.attempt, cancelled=work.reason is Cancelled
        )

    await _say(work, saying)


def _failed(work: Work, claimed: Claimed, error: Exception) -> Saying:
    failure = classify(error, step=claimed.step, failures=claimed.failures, attempt=claimed.attempt)

    async def saying(tx: Tx) -> None:
        await chunk_store.fail(
            tx,
            work.job.id,
            work.chunk.number,
            attempt=work.chunk.attempt,
            error=failure.error,
            again_in_s=failure.again_in_s,
            counts=failure.counts,
        )

    return saying


def _ended(work: Work) -> Saying:
    async def saying(tx: Tx) -> None:
        ids = work.job.id, work.chunk.number
        if await chunk_store.let_go(tx, *ids, attempt=work.chunk.attempt) == "running":
            error = f"step_incomplete: The step {work.chunk.step} ended without completing its part."
            await chunk_store.fail(tx, *ids, attempt=work.chunk.attempt, error=error, again_in_s=1.0)

    return saying

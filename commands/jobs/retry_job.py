"""Take up a failed or cancelled job again, where it stopped."""

from uuid import UUID

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.jobs import JobNotRetryable, JobRow, JobSubmitted, RetryExpired
from domain.retention import RESULTS, WORK_FILES, may_retry


class RetryJob(Command, frozen=True, kw_only=True):
    """What was loaded stays; only the rest is tried again."""

    job_id: UUID


async def retry_job(command: RetryJob, tx: Tx) -> UUID:
    """The job, queued again. Raises NotFound, JobNotRetryable, RetryExpired, TooManyJobs."""
    job = await job_store.lock(tx, command.job_id)
    if job.state not in {"failed", "cancelled"}:
        message = f"Only failed and cancelled jobs can be retried; this one is {job.state}."
        raise JobNotRetryable(message, state=job.state)
    if job.undone_by is not None and (await job_store.get(tx, job.undone_by)).state not in {"failed", "cancelled"}:
        message = f"Job {job.undone_by} is taking this job back. Submit a new one instead."
        raise JobNotRetryable(message, undone_by=str(job.undone_by))
    await _check_kept(tx, job)
    await job_store.check_room(tx)
    await chunk_store.requeue(tx, job.id)
    await job_store.update(
        tx,
        job.id,
        state="queued",
        phase="waiting",
        ending=None,
        error=None,
        finished_at=None,
        cancel_requested_at=None,
        on_cancel=None,
    )
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id


async def _check_kept(tx: Tx, job: JobRow) -> None:
    """An undo also needs what the rows of its job were before."""
    if job.finished_at is None or not may_retry(job.finished_at, tx.now):
        message = f"A job can be retried for {WORK_FILES.days} days after its end. Submit a new one instead."
        raise RetryExpired(message, finished_at=job.finished_at)
    if job.undo_of is None:
        return
    until = (await job_store.get(tx, job.undo_of)).before_images_until
    if until is None or until <= tx.now:
        message = f"What the rows were before is kept for {RESULTS.days} days only, so they can no longer be restored."
        raise RetryExpired(message, undo_of=str(job.undo_of))

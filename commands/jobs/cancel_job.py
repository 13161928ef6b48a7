"""Stop a job: what is loaded stays, or is taken back."""

from uuid import UUID

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.jobs._ending import end_job
from domain.jobs import ENDED, JobCancelRequested, JobHasEnded, OnCancel


class CancelJob(Command, frozen=True, kw_only=True):
    """`on_cancel` `revert` submits an undo as soon as the job has stopped."""

    job_id: UUID
    on_cancel: OnCancel = "keep"


async def cancel_job(command: CancelJob, tx: Tx) -> UUID:
    """The job; a queued one has ended when this returns. Raises NotFound, JobHasEnded."""
    job = await job_store.lock(tx, command.job_id)
    if job.state in ENDED:
        message = f"The job has {job.state} already. Undo it to take back what it did."
        raise JobHasEnded(message, state=job.state)
    asked = job.cancel_requested_at or tx.now
    job = await job_store.update(tx, job.id, cancel_requested_at=asked, on_cancel=command.on_cancel)
    await chunk_store.cancel_queued(tx, job.id, steps=("split", "load"))
    if job.state == "queued":
        await end_job(tx, job, "cancelled", await chunk_store.tally(tx, job.id))
    else:
        tx.emit(JobCancelRequested(job_id=job.id))
    return job.id

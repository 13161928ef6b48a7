"""Take back what a job did."""

from uuid import UUID

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.jobs._ending import submit_undo
from domain.jobs import OPEN, JobNotUndoable, JobRow
from domain.retention import RESULTS


class UndoJob(Command, frozen=True, kw_only=True):
    """Rows that somebody has changed since stay as they are, and are listed as rejects of the undo."""

    job_id: UUID


async def undo_job(command: UndoJob, tx: Tx) -> UUID:
    """The new job, of kind `undo`. Raises NotFound, JobNotUndoable."""
    job = await job_store.lock(tx, command.job_id)
    if (message := await _objection(tx, job)) is not None:
        raise JobNotUndoable(message, state=job.state)
    return (await submit_undo(tx, job)).id


async def _objection(tx: Tx, job: JobRow) -> str | None:
    undoing = None if job.undone_by is None else (await job_store.get(tx, job.undone_by)).state
    expired = job.before_images_until is None or job.before_images_until <= tx.now
    too_late = f"What the rows were before is kept for {RESULTS.days} days only, so the job can no longer be undone."
    objections = (
        (job.state in OPEN, f"The job is {job.state}. Cancel it first, or wait until it has ended."),
        (job.dry_run, "A dry run changes nothing, so there is nothing to undo."),
        (job.kind == "undo", "An undo cannot be undone. Submit the first job again instead."),
        (job.kind == "action", "An action on jobs cannot be undone. Act on them again instead."),
        (job.state == "undone", f"Job {job.undone_by} has undone it already."),
        (undoing in OPEN, f"Job {job.undone_by} is undoing it already."),
        (job.created + job.updated == 0, "The job changed nothing, so there is nothing to undo."),
        (expired, too_late),
    )
    return next((message for holds, message in objections if holds), None)

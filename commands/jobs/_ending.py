"""How a job ends: its counts are the sum over its chunks, and whoever waits hears of it."""

from typing import Any
from uuid import UUID

import msgspec

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import loans as loan_store
from adapters.postgres.stores.chunks import Tally
from adapters.postgres.transaction import Tx
from commands.jobs._planned import nothing_left_to_return, submit_return
from domain.jobs import Ending, JobFinished, JobRow, JobSubmitted, NewJob
from domain.retention import RESULTS


async def end_job(tx: Tx, job: JobRow, ending: Ending, tally: Tally) -> JobRow:
    """The locked job is over; every book shows what it did."""
    counts = tally.counts
    changed = counts.created + counts.updated > 0 and not job.dry_run
    undoable = changed and job.kind not in {"undo", "action"}
    ended = await job_store.update(
        tx,
        job.id,
        **_columns(tally),
        state=ending,
        ending=ending,
        phase="ended",
        finished_at=tx.now,
        waiting_for=None,
        before_images_until=tx.now + RESULTS if undoable else None,
    )
    tx.emit(JobFinished(job_id=job.id, state=ending))
    if job.undo_of is not None and ending == "succeeded":
        await job_store.update(tx, job.undo_of, state="undone", undone_by=job.id)
        await _call_off_return(tx, job.undo_of)
    if job.return_of is not None and ending == "succeeded":
        await loan_store.delete(tx, job.return_of)
    if changed:
        await submit_return(tx, job)
    if undoable and ending == "cancelled" and job.on_cancel == "revert":
        await submit_undo(tx, ended)
    return ended


async def submit_undo(tx: Tx, job: JobRow) -> JobRow:
    """A job that takes back what the locked `job` did, for whoever submitted it or asks now."""
    new = NewJob(kind="undo", subject=job.subject, writes_retailers=job.writes_retailers, unit=job.unit, undo_of=job.id)
    undo = await job_store.insert_job(tx, new, submitted_by=tx.actor.user_id or job.submitted_by)
    await job_store.update(tx, job.id, undone_by=undo.id)
    tx.emit(JobSubmitted(job_id=undo.id))
    return undo


async def _call_off_return(tx: Tx, undone: UUID) -> None:
    if (pointless := await nothing_left_to_return(tx, undone)) is None:
        return
    job = await job_store.lock(tx, pointless)
    if job.state == "queued":
        await end_job(tx, job, "cancelled", await chunk_store.tally(tx, job.id))


def _columns(tally: Tally) -> dict[str, Any]:
    counts = tally.counts
    return {
        "rows": counts.rows + tally.not_loaded,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "rejected": counts.rejected,
        "not_loaded": tally.not_loaded,
        "faults": counts.faults,
        "fault_groups": msgspec.to_builtins(counts.fault_groups),
    }

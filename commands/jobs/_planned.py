"""Jobs for a later day: what they wait for, and the return that a loan brings about."""

from uuid import UUID

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import loans as loan_store
from adapters.postgres.stores import planned_jobs
from adapters.postgres.transaction import Tx
from domain.jobs import JobRow, JobSubmitted, NewJob
from domain.shared.days import today


async def day_to_wait_for(tx: Tx, job: JobRow, *, planned: bool) -> str | None:
    """In words what a job for a later day waits for now; None when it may go on.

    An assignment makes its plan at once and waits with it (`planned`); a return knows only on its day what is still
    lent. Of one day returns come first: whoever covers next takes over from the lender.
    """
    if job.starts_on is None or not (planned or job.return_of is not None) or job.cancel_requested_at is not None:
        return None
    zone = await planned_jobs.zone(tx)
    day = today(tx.now, zone)
    if day < job.starts_on:
        return f"{job.starts_on}, 00:00 in {zone}"
    if job.return_of is None and (first := await planned_jobs.first_return(tx, until=day)) is not None:
        return f"job {first}"
    return None


async def wait_with_plan(tx: Tx, job_id: UUID) -> None:
    """A job whose plan is being made stops running in the same transaction, unless its day has come.

    Otherwise a free worker could take a planned chunk before anybody had looked at the day.
    """
    job = await job_store.lock(tx, job_id)
    if (day := await day_to_wait_for(tx, job, planned=True)) is not None:
        await job_store.update(tx, job.id, state="queued", phase="planned", waiting_for=day)


async def submit_return(tx: Tx, job: JobRow) -> None:
    """A job that takes back on its day what the locked `job` has lent, unless there is one or nothing is lent."""
    if job.returns_on is None or await planned_jobs.open_return(tx, job.id) is not None:
        return
    if not (lent := await loan_store.count(tx, job.id)):
        return
    new = NewJob(
        kind="return",
        subject=job.subject,
        writes_retailers=True,
        total=lent,
        unit=job.unit,
        starts_on=job.returns_on,
        return_of=job.id,
    )
    made = await job_store.insert_job(tx, new, submitted_by=job.submitted_by)
    # At once: until somebody had looked at it, it would keep the organisation's next bulk job waiting.
    if (day := await day_to_wait_for(tx, made, planned=True)) is not None:
        await job_store.update(tx, made.id, phase="planned", waiting_for=day)
    tx.emit(JobSubmitted(job_id=made.id))


async def nothing_left_to_return(tx: Tx, job_id: UUID) -> UUID | None:
    """The return of a job that has been undone, when nothing is left for it to do."""
    await loan_store.delete_void(tx, job_id)
    return None if await loan_store.count(tx, job_id) else await planned_jobs.open_return(tx, job_id)

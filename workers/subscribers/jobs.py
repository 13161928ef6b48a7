"""Jobs go on as soon as something happens to them."""

from uuid import UUID

from adapters.postgres.stores import turns
from adapters.postgres.transaction import transaction
from domain.jobs import JobCancelRequested, JobFinished, JobSubmitted
from domain.shared.actor import worker_actor
from workers.jobs.advance import advance
from workers.machinery import Machinery
from workers.subscribers.subscriber import on


@on(JobSubmitted)
async def start_job(event: JobSubmitted, machinery: Machinery, tenant_id: UUID) -> None:
    """Begin the job, or let it say what it waits for."""
    await advance(machinery, tenant_id, event.job_id)


@on(JobCancelRequested)
async def stop_job(event: JobCancelRequested, machinery: Machinery, tenant_id: UUID) -> None:
    """End a job that has nothing under way."""
    await advance(machinery, tenant_id, event.job_id)


@on(JobFinished)
async def start_next_job(_event: JobFinished, machinery: Machinery, tenant_id: UUID) -> None:
    """Let the organisation's waiting jobs see whether it is their turn."""
    async with transaction(machinery.engine, worker_actor(tenant_id)) as tx:
        waiting = await turns.waiting(tx)
    for job_id in waiting:
        await advance(machinery, tenant_id, job_id)

"""Takes a job one step further and sends its next chunks to the workers."""

from uuid import UUID

from commands.jobs.advance_job import AdvanceJob, advance_job
from domain.shared.actor import worker_actor
from workers.machinery import Machinery


async def advance(machinery: Machinery, tenant_id: UUID, job_id: UUID) -> None:
    """Harmless at any time. Raises NotFound for a job that is not there."""
    advanced = await machinery.runner(advance_job, AdvanceJob(job_id=job_id), actor=worker_actor(tenant_id))
    for number, attempt in advanced.to_send:
        await machinery.queue.send_chunk(tenant_id, job_id, number, attempt)

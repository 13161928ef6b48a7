"""One job at this moment."""

from uuid import UUID

from adapters.postgres.tables.jobs import jobs
from adapters.redis.job_progress import JobProgress
from domain.jobs import Job
from domain.shared.errors import NotFound
from queries._jobs import JOBS, JobView, job_of
from queries._read import Read, fetch_one


async def job_status(read: Read, progress: JobProgress, job_id: UUID) -> Job:
    """The job at this moment. Raises NotFound."""
    query = JOBS.where(jobs.c.tenant_id == read.actor.tenant, jobs.c.id == job_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=JobView)
    if found is None:
        message = f"There is no job {job_id}."
        raise NotFound(message)
    return job_of(found, await progress.read(read.actor.tenant, job_id) if found.state == "running" else {})

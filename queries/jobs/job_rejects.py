"""Where a job's rejected rows lie."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.jobs import jobs
from domain.retention import RESULTS, has_results
from domain.shared.errors import NotFound
from queries._read import Read, fetch_one


class Rejects(msgspec.Struct, frozen=True, kw_only=True):
    """The file in object storage, and what to call it."""

    key: str
    file_name: str


class _Row(msgspec.Struct, kw_only=True):
    rejects_key: str | None
    rejected: int
    file_name: str | None
    finished_at: datetime | None
    now: datetime


async def job_rejects(read: Read, job_id: UUID) -> Rejects:
    """Raises NotFound for no such job, for one that has rejected nothing (yet), and when they are no longer kept."""
    columns = (jobs.c.rejects_key, jobs.c.rejected, jobs.c.file_name, jobs.c.finished_at)
    query = sa.select(*columns, sa.func.now().label("now")).where(
        jobs.c.tenant_id == read.actor.tenant, jobs.c.id == job_id
    )
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=_Row)
    if found is not None and found.rejected and found.finished_at and not has_results(found.finished_at, found.now):
        message = f"Rejected rows are kept for {RESULTS.days} days after a job's end; these are gone."
        raise NotFound(message)
    if found is None or found.rejects_key is None or not found.rejected:
        message = f"There is no job {job_id}." if found is None else "The job has no rejected rows, or not yet."
        raise NotFound(message)
    stem = (found.file_name or str(job_id)).rpartition("/")[2].split(".")[0]
    return Rejects(key=found.rejects_key, file_name=f"{stem or job_id}-rejects.csv")

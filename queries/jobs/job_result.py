"""Where the file lies that a job has made."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.jobs import jobs
from domain.retention import RESULTS, has_results
from domain.shared.errors import NotFound
from queries._read import Read, fetch_one


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The file in object storage, and what to call it."""

    key: str
    file_name: str


class _Row(msgspec.Struct, kw_only=True):
    result_key: str | None
    file_name: str | None
    state: str
    finished_at: datetime | None
    now: datetime


async def job_result(read: Read, job_id: UUID) -> Result:
    """Raises NotFound for no such job, for one that has no result (yet), and when it is no longer kept."""
    columns = (jobs.c.result_key, jobs.c.file_name, jobs.c.state, jobs.c.finished_at)
    query = sa.select(*columns, sa.func.now().label("now")).where(
        jobs.c.tenant_id == read.actor.tenant, jobs.c.id == job_id
    )
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=_Row)
    if found is None:
        message = f"There is no job {job_id}."
        raise NotFound(message)
    if found.state == "succeeded" and found.finished_at and not has_results(found.finished_at, found.now):
        message = f"What a job has made is kept for {RESULTS.days} days after its end; this file is gone."
        raise NotFound(message)
    if found.state != "succeeded" or found.result_key is None:
        message = "The job makes no file, or has not made it yet."
        raise NotFound(message)
    return Result(key=found.result_key, file_name=found.file_name or f"{job_id}.csv")

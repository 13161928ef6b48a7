"""What an operator sees across all organisations: jobs, workers and dead letters, straight from PostgreSQL."""

import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.tables.jobs import chunks, jobs, leases
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.outbox import deliveries, outbox
from adapters.postgres.tables.workers import workers
from cli.http_client import HaatError
from cli.job_answers import Counts, Job, Links, Progress, Trouble
from domain.jobs import JobFilter

COUNTS = ("rows", "created", "updated", "unchanged", "rejected", "not_loaded")


class OperatorJob(msgspec.Struct, frozen=True):
    """A job and whose it is."""

    tenant_id: UUID
    organisation: str
    job: Job
    file_name: str | None = None


class ChunkTally(msgspec.Struct, frozen=True):
    """How many chunks of a step are in a state."""

    step: str
    state: str
    count: int
    failures: int
    error: str | None


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that a subscriber could not digest."""

    tenant_id: UUID
    organisation: str
    event_id: UUID
    subscriber: str
    type: str
    attempts: int
    created_at: datetime
    last_error: str | None


class ChunkAtWork(msgspec.Struct, frozen=True):
    """One piece of a job that a process is at."""

    job_id: str
    chunk: int
    step: str


class Worker(msgspec.Struct, frozen=True):
    """A background process; `silent_s` is how many seconds ago it was last heard of."""

    id: UUID
    kind: str
    host: str
    pid: int
    concurrency: int
    doing: list[ChunkAtWork]
    started_at: datetime
    silent_s: float


@asynccontextmanager
async def owner_connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection as the owner of the schema, who sees all organisations. Raises HaatError when nobody answers."""
    engine = open_engine(database_url, application_name="haat-operator", pool_size=1, max_overflow=0)
    try:
        conn = await _connect(engine)
        try:
            yield conn
        finally:
            await conn.close()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P01":
            raise
        message = "This database has no tables of Haat's yet: run `haat migrate`."
        raise HaatError(message) from error
    finally:
        await engine.dispose()


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except (OSError, DBAPIError) as error:
        cause = getattr(error, "orig", None) or error
        message = f"PostgreSQL cannot be reached ({cause}). Start Haat (`make run`), or set DATABASE_URL."
        raise HaatError(message) from error


async def find_organisation(conn: AsyncConnection, code: str) -> UUID | None:
    query = sa.select(organisations.c.tenant_id).where(organisations.c.code == code)
    found: UUID | None = (await conn.execute(query)).scalar_one_or_none()
    return found


async def list_jobs(conn: AsyncConnection, wanted: JobFilter, *, limit: int = 20) -> list[OperatorJob]:
    """The newest of the filter's jobs, of all organisations."""
    query = _jobs().order_by(jobs.c.submitted_at.desc(), jobs.c.id.desc()).limit(limit)
    for column, meets, value in (
        (jobs.c.state, operator.eq, wanted.state),
        (jobs.c.kind, operator.eq, wanted.kind),
        (jobs.c.submitted_by, operator.eq, wanted.submitted_by),
        (jobs.c.submitted_at, operator.ge, wanted.submitted_from),
        (jobs.c.submitted_at, operator.lt, wanted.submitted_before),
    ):
        if value is not None:
            query = query.where(meets(column, value))
    return [_job(row) for row in (await conn.execute(query)).mappings()]


async def find_job(conn: AsyncConnection, job_id: UUID) -> OperatorJob:
    """Raises HaatError when there is none."""
    row = (await conn.execute(_jobs().where(jobs.c.id == job_id))).mappings().one_or_none()
    if row is None:
        message = f"There is no job {job_id}."
        raise HaatError(message)
    return _job(row)


async def tally_chunks(conn: AsyncConnection, job_id: UUID) -> list[ChunkTally]:
    """What the job's chunks are at."""
    query = (
        sa.select(
            chunks.c.step,
            chunks.c.state,
            sa.func.count().label("count"),
            sa.func.sum(chunks.c.failures).label("failures"),
            sa.func.max(chunks.c.error).label("error"),
        )
        .where(chunks.c.job_id == job_id)
        .group_by(chunks.c.step, chunks.c.state)
        .order_by(chunks.c.step, chunks.c.state)
    )
    return [
        msgspec.convert({str(name): value for name, value in row.items()}, ChunkTally)
        for row in (await conn.execute(query)).mappings()
    ]


async def list_dead_letters(conn: AsyncConnection, *, limit: int = 100) -> list[DeadLetter]:
    """The deliveries that were given up, the oldest first."""
    query = (
        sa.select(
            deliveries.c.tenant_id,
            organisations.c.code.label("organisation"),
            deliveries.c.event_id,
            deliveries.c.subscriber,
            outbox.c.type,
            deliveries.c.attempts,
            outbox.c.created_at,
            deliveries.c.last_error,
        )
        .join(outbox, sa.and_(outbox.c.tenant_id == deliveries.c.tenant_id, outbox.c.id == deliveries.c.event_id))
        .join(organisations, organisations.c.tenant_id == deliveries.c.tenant_id)
        .where(deliveries.c.state == "dead")
        .order_by(outbox.c.created_at, deliveries.c.subscriber)
        .limit(limit)
    )
    return [
        msgspec.convert({str(name): value for name, value in row.items()}, DeadLetter)
        for row in (await conn.execute(query)).mappings()
    ]


async def dead_events(conn: AsyncConnection) -> dict[UUID, UUID]:
    """The events that have a dead letter, and whose they are."""
    query = sa.select(deliveries.c.event_id, deliveries.c.tenant_id).where(deliveries.c.state == "dead").distinct()
    return {row.event_id: row.tenant_id for row in await conn.execute(query)}


async def list_workers(conn: AsyncConnection) -> list[Worker]:
    """All background processes that have not been forgotten yet."""
    silent = sa.func.extract("epoch", sa.func.now() - workers.c.seen_at).cast(sa.Float).label("silent_s")
    columns = [workers.c[name] for name in Worker.__struct_fields__ if name != "silent_s"]
    query = sa.select(*columns, silent).order_by(workers.c.kind, workers.c.host, workers.c.pid)
    return [
        msgspec.convert({str(name): value for name, value in row.items()}, Worker)
        for row in (await conn.execute(query)).mappings()
    ]


async def count_open(conn: AsyncConnection) -> dict[str, int]:
    """How much is waiting: chunks, leases held, pending and dead deliveries, events that the relay has not seen."""
    counts = {
        "chunks waiting": sa.select(sa.func.count()).select_from(chunks).where(chunks.c.state == "queued"),
        "chunks at work": sa.select(sa.func.count()).select_from(leases),
        "events not relayed": sa.select(sa.func.count()).select_from(outbox).where(outbox.c.relayed_at.is_(None)),
        "deliveries pending": sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == "pending"),
        "dead letters": sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == "dead"),
    }
    return {name: (await conn.execute(query)).scalar_one() for name, query in counts.items()}


def _jobs() -> sa.Select[Any]:
    done = (
        sa.select(sa.func.coalesce(sa.func.sum(chunks.c.rows), 0))
        .where(chunks.c.tenant_id == jobs.c.tenant_id, chunks.c.job_id == jobs.c.id, chunks.c.state == "done")
        .scalar_subquery()
    )
    columns = [column for column in jobs.c if column.name not in {"params", "faults"}]
    return sa.select(*columns, organisations.c.code.label("organisation"), done.label("done")).join(
        organisations, organisations.c.tenant_id == jobs.c.tenant_id
    )


def _job(row: sa.RowMapping) -> OperatorJob:
    error = row["error"]
    job = Job(
        id=str(row["id"]),
        kind=row["kind"],
        subject=row["subject"],
        mode=row["mode"],
        state=row["state"],
        submitted_at=row["submitted_at"],
        progress=Progress(done=int(row["done"]), total=row["total"], unit=row["unit"], step=row["phase"]),
        counts=Counts(**{name: row[name] for name in COUNTS}),
        waiting_for=row["waiting_for"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=None if error is None else msgspec.convert(error, Trouble),
        links=Links(rejects=row["rejects_key"]),
    )
    return OperatorJob(row["tenant_id"], row["organisation"], job, row["file_name"])

"""Whose turn it is: among an organisation's jobs, and among the organisations that share the workers."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.stores.jobs import to_job
from adapters.postgres.tables.jobs import jobs
from adapters.postgres.transaction import Tx
from domain.jobs import OPEN, RUNNING_AT_ONCE, JobRow

# So many queued jobs of an organisation are looked at when one has ended; those behind them cannot be next.
_LOOKED_AT: Final = 20


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that waits for a worker."""

    tenant_id: UUID
    job_id: UUID
    number: int


# First the organisation that has the fewest chunks with workers, then the one that has used them least in the last
# minute: who asks for little never waits behind those who ask for much, whatever they have queued. Within an
# organisation the same goes for its jobs.
_NEXT: Final = sa.text(
    """
    WITH busy AS MATERIALIZED (
        SELECT tenant_id, job_id, count(*) AS chunks FROM leases WHERE lease_until > now() GROUP BY tenant_id, job_id
    ), used AS MATERIALIZED (
        SELECT tenant_id, sum(finished_at - started_at) AS lately FROM chunks
        WHERE finished_at > now() - interval '1 minute' GROUP BY tenant_id
    ), due AS MATERIALIZED (
        SELECT j.tenant_id, j.id, j.submitted_at, c.number, coalesce(b.chunks, 0) AS chunks
        FROM jobs j
        LEFT JOIN busy b ON b.tenant_id = j.tenant_id AND b.job_id = j.id
        CROSS JOIN LATERAL (
            SELECT number FROM chunks
            WHERE tenant_id = j.tenant_id AND job_id = j.id AND state = 'queued' AND run_after <= now()
                AND (j.cancel_requested_at IS NULL OR step IN ('render', 'finish'))
            ORDER BY number LIMIT 1
        ) c
        WHERE j.state = 'running' AND coalesce(b.chunks, 0) < :at_once
    )
    SELECT d.tenant_id, d.id AS job_id, d.number
    FROM due d LEFT JOIN used u ON u.tenant_id = d.tenant_id
    ORDER BY (SELECT coalesce(sum(b.chunks), 0) FROM busy b WHERE b.tenant_id = d.tenant_id),
        coalesce(u.lately, interval '0'), d.chunks, d.submitted_at, d.id
    LIMIT 1
    """
)


async def next_chunk(tx: Tx, *, at_once: int) -> Turn | None:
    """The chunk, of all organisations, that a free worker takes now; no job has more than `at_once` with workers."""
    row = (await tx.conn.execute(_NEXT, {"at_once": at_once})).mappings().one_or_none()
    return None if row is None else msgspec.convert(dict(row), Turn)


async def take(tx: Tx, job: JobRow) -> JobRow | None:
    """The job that goes before `job`; None when it is its turn.

    For a bulk writer that is another one that runs or has waited longer; for any job the one before it, when as many
    run as may. One that waits for a day keeps nobody waiting, and an action on jobs waits for none: it may be there to
    cancel them. Nobody else of the organisation decides this until the transaction ends.
    """
    if job.kind == "action":
        return None
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"bulk-writer:{tx.tenant_id}", 0))
    await tx.conn.execute(sa.select(lock))
    before = sa.or_(jobs.c.state == "running", sa.and_(jobs.c.state == "queued", jobs.c.id < job.id))
    ahead = sa.select(jobs).where(
        jobs.c.tenant_id == tx.tenant_id, jobs.c.state.in_(OPEN), jobs.c.id != job.id, jobs.c.phase != "planned", before
    )
    # The nearest: what a job waits for stays true until it is looked at again.
    nearest = ahead.order_by(jobs.c.state, jobs.c.id.desc()).limit(1)
    if job.writes_retailers and (row := await _one(tx, nearest.where(jobs.c.writes_retailers))) is not None:
        return row
    # Writers wait for each other, not for room: those in the queue take none.
    room = ahead.where(sa.or_(jobs.c.state == "running", ~jobs.c.writes_retailers)).subquery()
    if (await tx.conn.execute(sa.select(sa.func.count()).select_from(room))).scalar_one() < RUNNING_AT_ONCE:
        return None
    return await _one(tx, nearest)


async def waiting(tx: Tx) -> Sequence[UUID]:
    """The organisation's queued jobs that may be next, the oldest first; not those that wait for a day."""
    queued = sa.select(jobs.c.id).where(
        jobs.c.tenant_id == tx.tenant_id, jobs.c.state == "queued", jobs.c.phase != "planned"
    )
    oldest = queued.order_by(jobs.c.id).limit(_LOOKED_AT)
    writer = queued.where(jobs.c.writes_retailers).order_by(jobs.c.id).limit(1)
    either = sa.union(oldest.subquery().select(), writer.subquery().select()).subquery()
    return list((await tx.conn.execute(sa.select(either.c.id).order_by(either.c.id))).scalars())


async def open_jobs(tx: Tx) -> list[tuple[UUID, UUID]]:
    """(tenant, job) of the jobs of all organisations that run, or may be next to."""
    place = sa.func.row_number().over(partition_by=(jobs.c.tenant_id, jobs.c.state), order_by=jobs.c.id)
    among_writers = sa.func.row_number().over(
        partition_by=(jobs.c.tenant_id, jobs.c.state, jobs.c.writes_retailers), order_by=jobs.c.id
    )
    found = (
        sa.select(jobs.c.tenant_id, jobs.c.id, jobs.c.state, place.label("place"), among_writers.label("in_line"))
        .where(jobs.c.state.in_(OPEN), jobs.c.phase != "planned")
        .subquery()
    )
    query = (
        sa.select(found.c.tenant_id, found.c.id)
        .where((found.c.state == "running") | (found.c.place <= _LOOKED_AT) | (found.c.in_line == 1))
        .order_by(found.c.id)
    )
    return [(row.tenant_id, row.id) for row in await tx.conn.execute(query)]


async def _one(tx: Tx, query: sa.Select[tuple[object, ...]]) -> JobRow | None:
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    return None if row is None else to_job(row)

"""Writes to jobs, as commands and steps make them; what workers do with chunks is in `chunks`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.jobs import chunks, jobs
from adapters.postgres.transaction import Tx
from domain.jobs import MAX_OPEN, OPEN, ChunkCounts, JobRow, NewJob, PlannedChunk, Step, room_for_jobs
from domain.shared.errors import NotFound

INSERTED_AT_ONCE = 1_000


async def insert_job(tx: Tx, job: NewJob, *, job_id: UUID | None = None, submitted_by: UUID | None = None) -> JobRow:
    """A queued job of the actor's, or of `submitted_by`; who calls this also emits JobSubmitted."""
    values = msgspec.structs.asdict(job)
    row = await tx.conn.execute(
        sa.insert(jobs)
        .values(
            tenant_id=tx.tenant_id,
            id=job_id or tx.new_id(),
            state="queued",
            phase="waiting",
            submitted_by=submitted_by or tx.actor.user_id,
            submitted_at=tx.now,
            **values,
        )
        .returning(jobs)
    )
    return to_job(row.mappings().one())


async def check_room(tx: Tx, *, at_most: int = MAX_OPEN) -> None:
    """Raises TooManyJobs when the organisation may queue no more."""
    query = sa.select(jobs.c.id).where(jobs.c.tenant_id == tx.tenant_id, jobs.c.state.in_(OPEN)).limit(at_most)
    open_jobs = (await tx.conn.execute(sa.select(sa.func.count()).select_from(query.subquery()))).scalar_one()
    room_for_jobs(open_jobs, at_most=at_most)


async def get(tx: Tx, job_id: UUID) -> JobRow:
    """The job. Raises NotFound."""
    return _found(await tx.conn.execute(sa.select(jobs).where(*_identity(tx, job_id))), job_id)


async def lock(tx: Tx, job_id: UUID) -> JobRow:
    """The job, locked FOR NO KEY UPDATE: chunks can still be planned and loaded meanwhile. Raises NotFound."""
    query = sa.select(jobs).where(*_identity(tx, job_id)).with_for_update(key_share=True)
    return _found(await tx.conn.execute(query), job_id)


async def update(tx: Tx, job_id: UUID, **changes: Any) -> JobRow:  # noqa: ANN401  values of the job's columns
    """The job with the columns changed."""
    # A plain None in a JSON column would be stored as JSON's null.
    values = {name: sa.null() if value is None else value for name, value in changes.items()}
    query = sa.update(jobs).where(*_identity(tx, job_id)).values(**values).returning(jobs)
    return _found(await tx.conn.execute(query), job_id)


async def may_do(tx: Tx, duty: str) -> bool:
    """Whether nobody else is at this duty, such as `sweeper`; nobody will be until the transaction ends."""
    query = sa.select(sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(duty, 0)))
    return bool((await tx.conn.execute(query)).scalar_one())


async def plan_chunks(
    tx: Tx,
    job_id: UUID,
    planned: Sequence[PlannedChunk],
    *,
    total: int | None = None,
    warnings: Sequence[str] = (),
    step: Step = "load",
) -> list[int]:
    """Queue the chunks, numbered on from the job's last one; `split` does this in its fenced transaction.

    `total` is what progress counts up to, in the job's unit; with it the job's `warnings` are stored.
    """
    last = sa.select(sa.func.coalesce(sa.func.max(chunks.c.number), -1)).where(*_of_job(tx, job_id))
    first = int((await tx.conn.execute(last)).scalar_one()) + 1
    rows = [
        {
            "tenant_id": tx.tenant_id,
            "job_id": job_id,
            "number": number,
            "step": step,
            "rows": one.rows,
            "params": one.params,
        }
        for number, one in enumerate(planned, start=first)
    ]
    for start in range(0, len(rows), INSERTED_AT_ONCE):
        await tx.conn.execute(sa.insert(chunks), rows[start : start + INSERTED_AT_ONCE])
    if total is not None or warnings:
        await update(tx, job_id, total=total, warnings=list(warnings))
    return list(range(first, first + len(rows)))


async def lock_chunk(tx: Tx, job_id: UUID, number: int, *, attempt: int) -> bool:
    """Lock the chunk if `attempt` is still its running one; False when it is not."""
    query = (
        sa.select(chunks.c.number)
        .where(*_of_job(tx, job_id), chunks.c.number == number)
        .where(chunks.c.attempt == attempt, chunks.c.state == "running")
        .with_for_update(key_share=True)
    )
    return (await tx.conn.execute(query)).first() is not None


async def complete_chunk(tx: Tx, job_id: UUID, number: int, counts: ChunkCounts, *, books_fresh: bool) -> None:
    """The locked chunk is done, with what became of its rows."""
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_of_job(tx, job_id), chunks.c.number == number)
        .values(
            state="done",
            rows=counts.rows,
            books_fresh=books_fresh,
            error=None,
            finished_at=sa.func.clock_timestamp(),
            **msgspec.to_builtins(counts),
        )
    )


def to_job(row: sa.RowMapping) -> JobRow:
    """The row as a Struct."""
    return msgspec.convert({str(name): value for name, value in row.items()}, JobRow)


def _found(result: sa.CursorResult[Any], job_id: UUID) -> JobRow:
    row = result.mappings().one_or_none()
    if row is None:
        message = f"There is no job {job_id}."
        raise NotFound(message)
    return to_job(row)


def _identity(tx: Tx, job_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.tenant_id == tx.tenant_id, jobs.c.id == job_id


def _of_job(tx: Tx, job_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id

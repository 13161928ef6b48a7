"""Writes to chunks and leases: who works on what, until when, and what became of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.fault_groups import fault_groups
from adapters.postgres.tables.jobs import chunks, jobs, leases
from adapters.postgres.transaction import Tx
from domain.jobs import MAX_FAILURES, ChunkCounts, FaultGroup, Step

LEASE = sa.text("interval '15 seconds'")
_OPEN = ("queued", "running")


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that is ours until its lease ends."""

    number: int
    step: Step
    attempt: int
    failures: int
    rows: int
    params: dict[str, Any]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What the chunks of a job are at, all together; `failure` is a failed chunk's `code: message`."""

    open: int
    running: int
    split_done: bool
    loaded: int
    not_loaded: int
    failure: str | None
    counts: ChunkCounts


async def claim(tx: Tx, job_id: UUID, number: int, *, worker_id: UUID) -> Claimed | None:
    """Take the chunk if it is queued, due, and its job runs; None otherwise. Every claim is one attempt on."""
    runs = (
        sa.select(sa.literal(1))
        .where(jobs.c.tenant_id == tx.tenant_id, jobs.c.id == job_id, jobs.c.state == "running")
        .where(sa.or_(jobs.c.cancel_requested_at.is_(None), chunks.c.step.in_(("render", "finish"))))
    )
    row = (
        (
            await tx.conn.execute(
                sa.update(chunks)
                .where(*_identity(tx, job_id, number), chunks.c.state == "queued")
                .where(chunks.c.run_after <= sa.func.now(), runs.exists())
                .values(
                    state="running",
                    attempt=chunks.c.attempt + 1,
                    started_at=sa.func.coalesce(chunks.c.started_at, sa.func.now()),
                )
                .returning(*(chunks.c[name] for name in Claimed.__struct_fields__))
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    claimed = msgspec.convert({str(name): value for name, value in row.items()}, Claimed)
    lease = {"attempt": claimed.attempt, "worker_id": worker_id, "lease_until": sa.func.now() + LEASE}
    await tx.conn.execute(
        insert(leases)
        .values(tenant_id=tx.tenant_id, job_id=job_id, number=number, **lease)
        .on_conflict_do_update(constraint=leases.primary_key, set_=lease)
    )
    return claimed


async def extend(tx: Tx, job_id: UUID, number: int, *, attempt: int) -> bool | None:
    """Extend the lease; None when it is lost, otherwise whether the job has been told to stop."""
    cancel = (
        sa.select(jobs.c.cancel_requested_at.is_not(None))
        .where(jobs.c.tenant_id == tx.tenant_id, jobs.c.id == job_id)
        .scalar_subquery()
    )
    beat = (
        sa.update(leases)
        .where(*_lease(tx, job_id, number), leases.c.attempt == attempt)
        .values(lease_until=sa.func.now() + LEASE)
        .returning(cancel)
    )
    row = (await tx.conn.execute(beat)).one_or_none()
    return None if row is None else bool(row[0])


async def let_go(tx: Tx, job_id: UUID, number: int, *, attempt: int) -> str | None:
    """End the lease after the chunk's transaction; the chunk's state when this attempt is still the newest."""
    await tx.conn.execute(sa.delete(leases).where(*_lease(tx, job_id, number), leases.c.attempt == attempt))
    query = sa.select(chunks.c.state).where(*_identity(tx, job_id, number), chunks.c.attempt == attempt)
    state: str | None = (await tx.conn.execute(query)).scalar_one_or_none()
    return state


async def give_back(tx: Tx, job_id: UUID, number: int, *, attempt: int, cancelled: bool = False) -> None:
    """The attempt has done nothing and counts for nothing: the chunk waits for another worker, or is cancelled."""
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_identity(tx, job_id, number), chunks.c.state == "running", chunks.c.attempt == attempt)
        .values(state="cancelled" if cancelled else "queued", run_after=sa.func.now())
    )
    await tx.conn.execute(sa.delete(leases).where(*_lease(tx, job_id, number), leases.c.attempt == attempt))


async def fail(
    tx: Tx, job_id: UUID, number: int, *, attempt: int, error: str, again_in_s: float | None, counts: bool = True
) -> None:
    """The attempt has failed; the chunk is due again in so many seconds, or failed for good (None, or too often).

    A failure that does not count is not one of the few that a chunk may have.
    """
    failures = chunks.c.failures + 1 if counts else chunks.c.failures
    tired = failures >= MAX_FAILURES if again_in_s is not None else sa.true()
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_identity(tx, job_id, number), chunks.c.state == "running", chunks.c.attempt == attempt)
        .values(
            state=sa.case((tired, "failed"), else_="queued"),
            failures=failures,
            run_after=sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, again_in_s or 0.0),
            error=error,
        )
    )
    await tx.conn.execute(sa.delete(leases).where(*_lease(tx, job_id, number), leases.c.attempt == attempt))


async def expire(tx: Tx, job_id: UUID) -> int:
    """Take chunks away from workers whose lease ran out, unless their transaction is committing; how many."""
    lapsed = (
        sa.select(chunks.c.number, chunks.c.attempt)
        .join(leases, sa.and_(*(leases.c[name] == chunks.c[name] for name in ("tenant_id", "job_id", "number"))))
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id, chunks.c.state == "running")
        .where(leases.c.lease_until < sa.func.now(), leases.c.attempt == chunks.c.attempt)
        .order_by(chunks.c.number)
        .with_for_update(of=chunks, key_share=True, skip_locked=True)
    )
    rows = (await tx.conn.execute(lapsed)).all()
    for number, attempt in rows:
        error = "worker_lost: The worker that had this part stopped without a word."
        await fail(tx, job_id, number, attempt=attempt, error=error, again_in_s=0.0)
    # What a worker that died right after its commit has left behind.
    running = sa.select(chunks.c.number).where(
        chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id, chunks.c.state == "running"
    )
    await tx.conn.execute(
        sa.delete(leases)
        .where(leases.c.tenant_id == tx.tenant_id, leases.c.job_id == job_id)
        .where(leases.c.lease_until < sa.func.now(), leases.c.number.not_in(running))
    )
    return len(rows)


async def cancel_queued(tx: Tx, job_id: UUID, *, steps: Sequence[Step]) -> None:
    """Nobody will take these any more."""
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_job(tx, job_id), chunks.c.state == "queued", chunks.c.step.in_(steps))
        .values(state="cancelled")
    )


async def requeue(tx: Tx, job_id: UUID) -> None:
    """Let what failed or was cancelled be loaded after all; later steps are planned anew."""
    ended = chunks.c.state.in_(("failed", "cancelled"))
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_job(tx, job_id), ended, chunks.c.step.in_(("split", "load")))
        .values(state="queued", failures=0, error=None, run_after=sa.func.now())
    )
    await tx.conn.execute(
        sa.update(chunks)
        .where(*_job(tx, job_id), ended, chunks.c.step.in_(("render", "finish")))
        .values(state="cancelled", error=None)
    )


async def due(tx: Tx, job_id: UUID, *, limit: int) -> list[tuple[int, int]]:
    """(number, attempt) of the next chunks to be sent to workers."""
    query = (
        sa.select(chunks.c.number, chunks.c.attempt)
        .where(*_job(tx, job_id), chunks.c.state == "queued", chunks.c.run_after <= sa.func.now())
        .order_by(chunks.c.number)
        .limit(limit)
    )
    return [(row.number, row.attempt) for row in await tx.conn.execute(query)]


async def exist(tx: Tx, job_id: UUID) -> bool:
    """Whether the job has ever been begun."""
    return (await tx.conn.execute(sa.select(chunks.c.number).where(*_job(tx, job_id)).limit(1))).first() is not None


async def failed(tx: Tx, job_id: UUID, *, step: Step) -> bool:
    """Whether a chunk of the step has failed for good."""
    query = sa.select(chunks.c.number).where(*_job(tx, job_id), chunks.c.step == step, chunks.c.state == "failed")
    return (await tx.conn.execute(query.limit(1))).first() is not None


async def books_are_fresh(tx: Tx, job_id: UUID) -> None:
    """Every book shows what the job's chunks did."""
    await tx.conn.execute(
        sa.update(chunks).where(*_job(tx, job_id), chunks.c.books_fresh.is_(False)).values(books_fresh=True)
    )


async def stale_chunks(tx: Tx, job_id: UUID) -> bool:
    """Whether a book may lack what the job did."""
    query = sa.select(chunks.c.number).where(*_job(tx, job_id), chunks.c.books_fresh.is_(False)).limit(1)
    return (await tx.conn.execute(query)).first() is not None


async def tally(tx: Tx, job_id: UUID) -> Tally:
    """Everything that decides how the job goes on."""
    done = chunks.c.state == "done"
    loads = chunks.c.step == "load"

    def summed(name: str) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(chunks.c[name]).filter(done), 0).cast(sa.BigInteger).label(name)

    query = sa.select(
        sa.func.count().filter(chunks.c.state.in_(_OPEN)).label("open"),
        sa.func.count().filter(chunks.c.state == "running").label("running"),
        sa.func.coalesce(sa.func.bool_or(sa.and_(chunks.c.step == "split", done)), sa.false()).label("split_done"),
        sa.func.count().filter(done, loads).label("loaded"),
        sa.func.coalesce(sa.func.sum(chunks.c.rows).filter(loads, ~done), 0).cast(sa.BigInteger).label("not_loaded"),
        sa.func.min(chunks.c.error).filter(chunks.c.state == "failed").label("failure"),
        *(summed(name) for name in ("created", "updated", "unchanged", "rejected")),
    ).where(*_job(tx, job_id))
    row = (await tx.conn.execute(query)).one()
    each = sa.func.jsonb_each_text(chunks.c.faults).table_valued("key", "value").lateral()
    faults = await tx.conn.execute(
        sa.select(each.c.key, sa.func.sum(each.c.value.cast(sa.BigInteger)).cast(sa.BigInteger).label("number"))
        .select_from(chunks.join(each, sa.true()))
        .where(*_job(tx, job_id), done)
        .group_by(each.c.key)
        .order_by(each.c.key)
    )
    counts = ChunkCounts(
        created=row.created,
        updated=row.updated,
        unchanged=row.unchanged,
        rejected=row.rejected,
        faults={row.key: row.number for row in faults},
        fault_groups=msgspec.convert(await _fault_groups(tx, job_id), tuple[FaultGroup, ...]),
    )
    plain = {name: getattr(row, name) for name in ("open", "running", "split_done", "loaded", "not_loaded", "failure")}
    return Tally(counts=counts, **plain)


async def _fault_groups(tx: Tx, job_id: UUID) -> Any:  # noqa: ANN401  JSON
    query = sa.text(f"SELECT {fault_groups(':tenant_id', ':job_id')}")
    return (await tx.conn.execute(query, {"tenant_id": tx.tenant_id, "job_id": job_id})).scalar_one()


def _job(tx: Tx, job_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id


def _identity(tx: Tx, job_id: UUID, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_job(tx, job_id), chunks.c.number == number)


def _lease(tx: Tx, job_id: UUID, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return leases.c.tenant_id == tx.tenant_id, leases.c.job_id == job_id, leases.c.number == number

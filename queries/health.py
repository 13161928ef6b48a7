"""Whether everything that Haat stands on is there, as /health/ready and `/metrics` tell it."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.tables.book_audits import book_audits
from adapters.postgres.tables.jobs import jobs
from adapters.postgres.tables.outbox import deliveries, outbox
from adapters.postgres.tables.workers import workers
from adapters.postgres.transaction import reading
from domain.shared.actor import RELAY

ALIVE_SECONDS = 15
COUNTED_AT_MOST = 10_000


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What is waiting at this moment; counts stop at 10,000. `audited` counts books since the beginning, by outcome."""

    events_waiting: int
    books_waiting: int
    dead_letters: int
    jobs: dict[str, int]
    workers: dict[str, int]
    audited: dict[str, int]


async def database_answers(engine: AsyncEngine) -> None:
    """Return when PostgreSQL answers under the application's rights; raises what the driver raises otherwise."""
    async with reading(engine, RELAY) as conn:
        await conn.execute(sa.select(sa.func.count()).select_from(sa.select(workers.c.id).limit(1).subquery()))


async def is_heard_of(engine: AsyncEngine, *, kind: str, host: str) -> bool:
    """Whether a process of this kind on this host has been seen in the last 15 s."""
    lately = sa.func.now() - sa.text(f"interval '{ALIVE_SECONDS} seconds'")
    query = sa.select(workers.c.id).where(workers.c.kind == kind, workers.c.host == host, workers.c.seen_at > lately)
    async with reading(engine, RELAY) as conn:
        return (await conn.execute(query.limit(1))).first() is not None


async def backlog(engine: AsyncEngine) -> Backlog:
    """Counted across all organisations under the relay's rights."""
    async with reading(engine, RELAY) as conn:
        states = await conn.execute(
            sa.select(jobs.c.state, sa.func.count())
            .where(jobs.c.state.in_(("queued", "running")))
            .group_by(jobs.c.state)
        )
        alive = await conn.execute(
            sa.select(workers.c.kind, sa.func.count())
            .where(workers.c.seen_at > sa.func.now() - sa.text(f"interval '{ALIVE_SECONDS} seconds'"))
            .group_by(workers.c.kind)
        )
        return Backlog(
            events_waiting=await _count(conn, outbox.c.relayed_at.is_(None)),
            books_waiting=await _count(conn, outbox.c.touches.is_not(None), outbox.c.rendered_at.is_(None)),
            dead_letters=await _count(conn, deliveries.c.state == "dead"),
            jobs=dict(states.all()),
            workers=dict(alive.all()),
            audited=await _audited(conn),
        )


async def _audited(conn: AsyncConnection) -> dict[str, int]:
    names = ("looked_at", "entries_different", "values_different")
    sums = (sa.func.coalesce(sa.func.sum(book_audits.c[name]), 0).cast(sa.BigInteger).label(name) for name in names)
    return {str(name): count for name, count in (await conn.execute(sa.select(*sums))).mappings().one().items()}


async def _count(conn: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> int:
    some = sa.select(sa.literal(1)).where(*conditions).limit(COUNTED_AT_MOST).subquery()
    return (await conn.execute(sa.select(sa.func.count()).select_from(some))).scalar_one()

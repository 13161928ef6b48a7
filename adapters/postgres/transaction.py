"""One transaction under an actor's database role; nothing else in Haat begins or commits one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.engine import connected
from domain.shared.actor import Actor
from domain.shared.events import Event, Touches
from domain.shared.ids import new_id

# A setting that is not ours to make stays '' after a transaction, which the policies read as "nobody".
_BECOME = sa.text(
    "SELECT set_config('role', :role, true), set_config('haat.tenant_id', :tenant_id, true),"
    " set_config('haat.user_id', :user_id, true), set_config('lock_timeout', :lock_timeout, true), now() AS now"
)


class Announcement:
    """An event with the id of its outbox row and what it touched."""

    __slots__ = ("event", "id", "touches")

    def __init__(self, event: Event, touches: Touches | None) -> None:
        self.id = new_id()
        self.event = event
        self.touches = touches


class Tx:
    """A transaction that commands and stores write in.

    `now` is the transaction's start by the database's clock, so that no two processes disagree.
    """

    def __init__(self, conn: AsyncConnection, actor: Actor, now: datetime) -> None:
        self.conn = conn
        self.actor = actor
        self.now = now
        self.announced: list[Announcement] = []

    @property
    def tenant_id(self) -> UUID:
        """The organisation this transaction is confined to."""
        return self.actor.tenant

    def new_id(self) -> UUID:
        """A fresh UUIDv7."""
        return new_id()

    def emit(self, event: Event, *, touches: Touches | None = None) -> None:
        """Announce `event`; its outbox row commits with everything else."""
        self.announced.append(Announcement(event, touches))


@asynccontextmanager
async def transaction(engine: AsyncEngine, actor: Actor, *, lock_timeout_ms: int = 5_000) -> AsyncIterator[Tx]:
    """Begin, become the actor, and commit at the end; any exception rolls back.

    Raises DatabaseAwayError when there is no server to begin with.
    """
    async with _acting(engine, actor, lock_timeout_ms=lock_timeout_ms) as (conn, now):
        yield Tx(conn, actor, now)


@asynccontextmanager
async def reading(engine: AsyncEngine, actor: Actor, *, snapshot: bool = False) -> AsyncIterator[AsyncConnection]:
    """A connection in which only the actor's rows can be seen, and nothing can be written; raises alike.

    With `snapshot` all of its statements see the rows as they were at the first one.
    """
    async with _acting(engine, actor, lock_timeout_ms=1_000, readonly=True, snapshot=snapshot) as (conn, _):
        yield conn


@asynccontextmanager
async def _acting(
    engine: AsyncEngine, actor: Actor, *, lock_timeout_ms: int, readonly: bool = False, snapshot: bool = False
) -> AsyncIterator[tuple[AsyncConnection, datetime]]:
    try:
        begun = await _begin(engine, actor, lock_timeout_ms, readonly=readonly, snapshot=snapshot)
    except DBAPIError as error:
        # The pool may hold connections to a server that has restarted since; it has dropped them all by now.
        if not error.connection_invalidated:
            raise
        begun = await _begin(engine, actor, lock_timeout_ms, readonly=readonly, snapshot=snapshot)
    stack, conn, now = begun
    async with stack:
        yield conn, now


async def _begin(
    engine: AsyncEngine, actor: Actor, lock_timeout_ms: int, *, readonly: bool, snapshot: bool
) -> tuple[AsyncExitStack, AsyncConnection, datetime]:
    """A transaction in which nothing but becoming the actor has happened."""
    async with AsyncExitStack() as stack:
        conn = await stack.enter_async_context(connected(engine))
        if readonly:
            await conn.execution_options(postgresql_readonly=True)
        if snapshot:
            await conn.execution_options(isolation_level="REPEATABLE READ")
        await stack.enter_async_context(conn.begin())
        now = await _become(conn, actor, lock_timeout_ms)
        return stack.pop_all(), conn, now


async def _become(conn: AsyncConnection, actor: Actor, lock_timeout_ms: int) -> datetime:
    row = await conn.execute(
        _BECOME,
        {
            "role": actor.power.database_role,
            "tenant_id": str(actor.tenant_id or ""),
            "user_id": str(actor.user_id or ""),
            "lock_timeout": str(lock_timeout_ms),
        },
    )
    now: datetime = row.one().now
    return now

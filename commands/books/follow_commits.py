"""After every commit: render the few books it touched, so that callers read their own writes."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import books as book_store
from adapters.postgres.transaction import Announcement, transaction
from commands.books.render_books import BookRenderer
from commands.books.report_rendered import RenderedReporter
from domain.books import BookSeen, LogSeen, Seen
from domain.shared.actor import Actor, Power, worker_actor
from domain.shared.events import together

log = structlog.get_logger()

# More are left to the relay: a caller should not wait for them.
BOOKS_IN_PROCESS: Final = 4
_POSITION = sa.text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")


class BookProjector:
    """The Runner's projector. `seal` makes the caller's `Haat-Version` of what they have caused."""

    def __init__(
        self, engine: AsyncEngine, renderer: BookRenderer, reporter: RenderedReporter, seal: Callable[[Seen], str]
    ) -> None:
        self._engine = engine
        self._renderer = renderer
        self._reporter = reporter
        self._seal = seal

    async def after_commit(self, actor: Actor, announced: Sequence[Announcement], *, replayed: bool) -> str:
        """The caller's `Haat-Version`. Never raises: what fails here is left to the relay, and the token says so.

        An SR's own book is rendered whatever was announced: a `replayed` answer may repeat a write whose own render
        never happened.
        """
        del replayed
        own = actor.user if actor.power is Power.SR else None
        at = BookSeen(own, 0, 0, False) if own is not None else None
        try:
            at = await self._render(actor, announced, own) or at
        except Exception as error:  # noqa: BLE001  the write is committed; whatever happens now must not look like its failure
            log.warning("books_left_to_relay", events=len(announced), error=repr(error)[:300])
        return self._seal(at or await self._log_position())

    async def close(self) -> None:
        """Report what is left."""
        await self._reporter.close()

    async def _render(self, actor: Actor, announced: Sequence[Announcement], own: UUID | None) -> BookSeen | None:
        touching = [one for one in announced if one.touches is not None]
        sr_ids: set[UUID] = set()
        if touching:
            async with transaction(self._engine, worker_actor(actor.tenant)) as tx:
                sr_ids = await book_store.holders(tx, together(one.touches for one in touching if one.touches))
        is_small = len(sr_ids) <= BOOKS_IN_PROCESS
        wanted = (sr_ids if is_small else set()) | ({own} if own is not None else set())
        versions = await self._renderer.render(actor.tenant, wanted, patiently=False)
        if is_small:
            self._reporter.finished(actor.tenant, [one.id for one in touching])
        if own is None:
            return None
        return BookSeen(own, versions[own].epoch, versions[own].version, True)

    async def _log_position(self) -> LogSeen:
        try:
            async with self._engine.connect() as conn:
                return LogSeen(int((await conn.execute(_POSITION)).scalar_one()))
        except Exception as error:  # noqa: BLE001  as above
            log.warning("log_position_unknown", error=repr(error)[:300])
            return LogSeen(None)

"""Compare books with what they should be: entries with what SRs hold, Redis with the entries; mend what differs."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import book_audits as audit_store
from adapters.postgres.stores.book_audits import Difference
from adapters.postgres.transaction import reading, transaction
from adapters.published_books import PublishedBooks, books_on
from adapters.redis.views import ViewsAway
from commands.books.render_books import BookRenderer
from domain.books import Book, BookVersion
from domain.shared.actor import worker_actor

log = structlog.get_logger()

# Seconds between the two looks: what was under way at the first is over at the second.
PAUSE_SECONDS: Final = 2.0


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """How many books were compared, whose entries and whose values in Redis were wrong."""

    looked_at: int
    entries: frozenset[UUID] = frozenset()
    values: frozenset[UUID] = frozenset()


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    differences: frozenset[Difference]
    values: Mapping[UUID, Book]
    books: Mapping[UUID, Book]

    def wrong_values(self, since: Mapping[UUID, BookVersion]) -> dict[UUID, Book]:
        """Values that are not their book's, unless they are only as old as `since` allows."""
        pairs = [(sr_id, value, self.books[sr_id]) for sr_id, value in self.values.items() if sr_id in self.books]
        return {sr_id: value for sr_id, value, book in pairs if _is_wrong(value, book, since[sr_id])}


class BookAuditor:
    """Looks at books twice: rendering follows a commit, so a single look finds books that are merely on their way."""

    def __init__(
        self, engine: AsyncEngine, published: PublishedBooks, renderer: BookRenderer, *, pause: float = PAUSE_SECONDS
    ) -> None:
        self._engine = engine
        self._published = published
        self._renderer = renderer
        self._pause = pause

    async def audit(self, tenant_id: UUID, *, limit: int) -> Findings:
        """Compare the organisation's next `limit` books, mend them, and note what was found."""
        async with transaction(self._engine, worker_actor(tenant_id)) as tx:
            sr_ids = await audit_store.next_books(tx, limit=limit)
        found = await self.compare(tenant_id, sr_ids)
        await self._mend(tenant_id, found)
        async with transaction(self._engine, worker_actor(tenant_id)) as tx:
            await audit_store.note(
                tx,
                reached=sr_ids[-1] if len(sr_ids) == limit else None,
                looked_at=found.looked_at,
                entries_different=len(found.entries),
                values_different=len(found.values),
            )
        return found

    async def compare(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> Findings:
        """What is wrong with these books, and was so at both looks."""
        first = await self._look(tenant_id, sr_ids)
        since = {sr_id: book.at for sr_id, book in first.books.items()}
        suspects = {one.sr_id for one in first.differences} | set(first.wrong_values(since))
        if not suspects:
            return Findings(looked_at=len(sr_ids))
        await asyncio.sleep(self._pause)
        second = await self._look(tenant_id, sorted(suspects))
        async with reading(self._engine, worker_actor(tenant_id)) as conn:
            late = await audit_store.awaits_rendering(conn, tenant_id, before=first.at)
        if late:
            # Whether they are wrong cannot be told from whether they are late; they are looked at again in their turn.
            return Findings(looked_at=len(sr_ids) - len(suspects))
        wrong = first.differences & second.differences
        entries = frozenset(one.sr_id for one in wrong)
        # Beside wrong entries a right value differs as well.
        values = second.wrong_values({**{one: book.at for one, book in second.books.items()}, **since})
        values = {sr_id: value for sr_id, value in values.items() if sr_id not in entries}
        for one in wrong:
            log.error("book_entry_wrong", tenant_id=str(tenant_id), sr_id=str(one.sr_id), retailer=str(one.retailer_id))
        for sr_id, value in values.items():
            log.error("book_value_wrong", tenant_id=str(tenant_id), sr_id=str(sr_id), version=value.at.version)
        return Findings(looked_at=len(sr_ids), entries=entries, values=frozenset(values))

    async def _look(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> _Look:
        # Redis before PostgreSQL: nothing gets into Redis that was not committed before.
        values = await self._values(tenant_id, sr_ids)
        async with reading(self._engine, worker_actor(tenant_id)) as conn:
            at = (await conn.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
            differences = await audit_store.differences(conn, tenant_id, sr_ids)
            books = await books_on(conn, tenant_id, sr_ids)
        return _Look(at=at, differences=differences, values=values, books=books)

    async def _values(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, Book]:
        values: dict[UUID, Book] = {}
        try:
            for sr_id in sr_ids:
                value = await self._published.views.get(tenant_id, sr_id)
                if value is not None:
                    values[sr_id] = value
        except ViewsAway as error:
            log.info("values_not_audited", reason=str(error.__cause__)[:200])
        return values

    async def _mend(self, tenant_id: UUID, found: Findings) -> None:
        """One by one: many at once are published by their versions, which leaves values as they are."""
        try:
            for sr_id in sorted(found.entries | found.values):
                # Clients may hold what a wrong value said under a right version: they have to begin anew.
                await self._renderer.render(tenant_id, [sr_id], new_epoch=sr_id in found.values)
        except ViewsAway as error:
            log.warning("wrong_books_left_to_next_audit", tenant_id=str(tenant_id), reason=str(error.__cause__)[:200])


def _is_wrong(value: Book, book: Book, since: BookVersion) -> bool:
    if value.at == book.at:
        return (value.listed, value.documents) != (book.listed, book.documents)
    return value.at > book.at or value.at < since

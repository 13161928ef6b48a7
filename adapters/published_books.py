"""The books as PostgreSQL has them, and their way into Redis: put, look again, until nothing has moved."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.transaction import reading
from adapters.redis.views import Announced, BookViews, book_name
from domain.books import Book, BookVersion, bind
from domain.shared.actor import worker_actor

# More books than these are published by their versions only; their first readers fill them.
WHOLE_AT_MOST = 20

_TENANT = sa.bindparam("tenant_id", type_=sa.Uuid())
_SRS = sa.bindparam("sr_ids", type_=postgresql.ARRAY(sa.Uuid()))
_TIMELINE = "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint AS timeline"
# One statement, so that documents and version are of one snapshot.
_BOOKS = sa.text(
    f"""
    SELECT {_TIMELINE}, b.sr_id, b.epoch, b.version, e.names, e.ids, e.docs
    FROM books b CROSS JOIN LATERAL (
        SELECT array_agg(name) AS names, array_agg(retailer_id) AS ids, array_agg(doc) AS docs
        FROM book_entries e WHERE e.tenant_id = b.tenant_id AND e.sr_id = b.sr_id AND e.present
    ) e
    WHERE b.tenant_id = :tenant_id AND b.sr_id = ANY(:sr_ids) AND b.version > 0
    """  # noqa: S608  # put together from our own parts
).bindparams(_TENANT, _SRS)
_VERSIONS = sa.text(
    f"""
    SELECT {_TIMELINE}, sr_id, epoch, version FROM books
    WHERE tenant_id = :tenant_id AND sr_id = ANY(:sr_ids) AND version > 0
    """  # noqa: S608  # put together from our own parts
).bindparams(_TENANT, _SRS)


class PublishedBooks:
    """Reads books from the primary and puts them where readers look first.

    `announced` is told of each version before it is put and again afterwards, for what this process has made of books.
    """

    def __init__(self, engine: AsyncEngine, views: BookViews, announced: Announced | None = None) -> None:
        self._engine = engine
        self.views = views
        self._announced = announced
        self._timeline = 0

    async def peek(self, tenant_id: UUID, sr_id: UUID) -> Book | None:
        """The book as Redis has it, unless it is from before a promotion of which this process knows.

        Raises ViewsAway.
        """
        book = await self.views.get(tenant_id, sr_id)
        return book if book is not None and book.at.belongs_to(self._timeline) else None

    async def read(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, Book]:
        """The books as they were last rendered, by one statement.

        Those that never were, or only before a promotion, are left out: they must be rendered, never taken for empty.
        """
        async with reading(self._engine, worker_actor(tenant_id)) as conn:
            rows = (await conn.execute(_BOOKS, {"tenant_id": tenant_id, "sr_ids": list(sr_ids)})).all()
        self._timeline = max([self._timeline, *(row.timeline for row in rows[:1])])
        return {row.sr_id: _book(row) for row in rows if BookVersion(row.epoch, row.version).belongs_to(row.timeline)}

    async def publish(self, tenant_id: UUID, books: Mapping[UUID, Book | BookVersion]) -> dict[UUID, BookVersion]:
        """Put the books and publish their newest versions; gives the versions that the primary still has afterwards.

        Another renderer may commit between our commit and our put: so the version is read again until it is the same.
        Raises ViewsAway.
        """
        pending = dict(books)
        done: dict[UUID, BookVersion] = {}
        while pending:
            self._announce(tenant_id, {sr_id: _at(book) for sr_id, book in pending.items()})
            newest = await self.views.put(tenant_id, pending)
            self._announce(tenant_id, newest)
            now = await self._versions(tenant_id, list(pending))
            lost = {sr_id: pending[sr_id] for sr_id, at in now.items() if newest[sr_id] > at}
            if lost:
                # Whatever was put had been committed before: what is newer than the primary is of a lost future.
                await self.views.put(tenant_id, lost, even_over_newer=True)
                now = await self._versions(tenant_id, list(pending))
            moved = [sr_id for sr_id, at in now.items() if at != _at(pending[sr_id])]
            done |= now
            pending = await self.current(tenant_id, moved)
        return done

    async def current(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, Book | BookVersion]:
        """What to put for these SRs now: the books, or their versions when they are many."""
        if not sr_ids:
            return {}
        if len(sr_ids) > WHOLE_AT_MOST:
            return dict(await self._versions(tenant_id, sr_ids))
        async with reading(self._engine, worker_actor(tenant_id)) as conn:
            return dict(await books_on(conn, tenant_id, sr_ids))

    def _announce(self, tenant_id: UUID, versions: Mapping[UUID, BookVersion]) -> None:
        if self._announced is not None:
            for sr_id, at in versions.items():
                self._announced(book_name(tenant_id, sr_id), at)

    async def _versions(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, BookVersion]:
        async with reading(self._engine, worker_actor(tenant_id)) as conn:
            rows = (await conn.execute(_VERSIONS, {"tenant_id": tenant_id, "sr_ids": list(sr_ids)})).all()
        self._timeline = max([self._timeline, *(row.timeline for row in rows[:1])])
        return {row.sr_id: BookVersion(row.epoch, row.version) for row in rows}


async def books_on(conn: AsyncConnection, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, Book]:
    """The books as this transaction sees them."""
    rows = await conn.execute(_BOOKS, {"tenant_id": tenant_id, "sr_ids": list(sr_ids)})
    return {row.sr_id: _book(row) for row in rows}


def _at(book: Book | BookVersion) -> BookVersion:
    return book.at if isinstance(book, Book) else book


def _book(row: sa.Row[tuple[object, ...]]) -> Book:
    documents = zip(row.names or (), row.ids or (), row.docs or (), strict=True)
    return bind(BookVersion(row.epoch, row.version), list(documents))

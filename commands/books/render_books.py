"""Render books: bring what SRs are sent up to what they hold now. At any time, twice, in any order, by anyone."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import books as book_store
from adapters.postgres.transaction import transaction
from adapters.published_books import WHOLE_AT_MOST, PublishedBooks, books_on
from adapters.redis.views import ViewsAway
from commands._run import ATTEMPTS, is_transient
from domain.books import Book, BookVersion
from domain.shared.actor import worker_actor

log = structlog.get_logger()

BOOKS_PER_STATEMENT = 300
# Each has books of its own, so they never wait for each other; more would only share PostgreSQL's cores.
BATCHES_AT_ONCE = 2
# Fewer are not worth a second connection.
_SHARED_FROM = 100
_PUT_PAUSES = (0.05, 0.25, 1.0)


class BookRenderer:
    """Renders books. One per process; needs no care about who else renders the same ones."""

    def __init__(self, engine: AsyncEngine, published: PublishedBooks) -> None:
        self._engine = engine
        self._published = published

    async def render(
        self, tenant_id: UUID, sr_ids: Iterable[UUID], *, new_epoch: bool = False, patiently: bool = True
    ) -> dict[UUID, BookVersion]:
        """Render and publish; gives each book's version afterwards.

        A render counts as done only when this returns: a put that fails is tried again, for about a second when
        `patiently`, and raises ViewsAway in the end. `new_epoch` begins one: every client starts over.
        """
        places = asyncio.Semaphore(BATCHES_AT_ONCE)

        async def render_batch(batch: Sequence[UUID]) -> dict[UUID, BookVersion]:
            async with places:
                written = await self._try_write(tenant_id, batch, new_epoch=new_epoch)
                return await self._publish(tenant_id, written, _PUT_PAUSES if patiently else ())

        done = await asyncio.gather(*map(render_batch, _batches(sorted(set(sr_ids)))), return_exceptions=True)
        versions: dict[UUID, BookVersion] = {}
        for one in done:
            if isinstance(one, BaseException):
                raise one
            versions |= one
        return versions

    async def write(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> dict[UUID, BookVersion]:
        """The rows alone, without publishing them: for a caller who does that next."""
        written = await self._try_write(tenant_id, sr_ids, new_epoch=False)
        return {sr_id: book.at if isinstance(book, Book) else book for sr_id, book in written.items()}

    async def _try_write(
        self, tenant_id: UUID, sr_ids: Sequence[UUID], *, new_epoch: bool
    ) -> Mapping[UUID, Book | BookVersion]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._write(tenant_id, sr_ids, new_epoch=new_epoch)
            except DBAPIError as error:
                if attempt == ATTEMPTS or not is_transient(error):
                    raise
                log.info("books_render_retried", attempt=attempt, books=len(sr_ids))
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  # jitter is no secret
        raise AssertionError

    async def _write(
        self, tenant_id: UUID, sr_ids: Sequence[UUID], *, new_epoch: bool
    ) -> Mapping[UUID, Book | BookVersion]:
        """What is in the rows after their commit: few books whole, many by their versions."""
        actor = worker_actor(tenant_id)
        async with transaction(self._engine, actor) as tx:
            timeline = await book_store.begin(tx)
            missing = set(sr_ids) - await book_store.lock_books(tx, sr_ids)
            if not missing:
                versions = await book_store.merge_documents(tx, sr_ids, timeline=timeline, new_epoch=new_epoch)
                return versions if len(versions) > WHOLE_AT_MOST else await books_on(tx.conn, tenant_id, sr_ids)
        # Made in a transaction of their own: inserting while holding locks would break the order of locks.
        async with transaction(self._engine, actor) as tx:
            await book_store.insert_missing(tx, sorted(missing), timeline=timeline)
        return await self._write(tenant_id, sr_ids, new_epoch=new_epoch)

    async def _publish(
        self, tenant_id: UUID, written: Mapping[UUID, Book | BookVersion], pauses: Sequence[float]
    ) -> dict[UUID, BookVersion]:
        for pause in (*pauses, None):
            try:
                return await self._published.publish(tenant_id, written)
            except ViewsAway:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError


def _batches(sr_ids: Sequence[UUID]) -> list[Sequence[UUID]]:
    share = -(-len(sr_ids) // BATCHES_AT_ONCE) if len(sr_ids) >= _SHARED_FROM else len(sr_ids)
    size = max(1, min(BOOKS_PER_STATEMENT, share))
    return [sr_ids[start : start + size] for start in range(0, len(sr_ids), size)]

"""Reading books: from Redis when what it holds is good enough for the caller, from PostgreSQL otherwise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol
from uuid import UUID

import structlog

from adapters.published_books import PublishedBooks
from adapters.redis.views import ViewsAway
from domain.books import Book, BookVersion, Needed
from domain.shared.errors import Unavailable
from queries._book_batches import BookBatches
from queries._single_flight import SingleFlight

log = structlog.get_logger()

# Seconds that a read waits for its turn at PostgreSQL before it is sent away.
_PATIENCE: Final = 0.25
# Seconds that reads leave Redis alone after it did not answer.
_REDIS_REST: Final = 0.5


class WritesBooks(Protocol):
    """Whoever can render; the composition root hands it in, since queries write nothing."""

    async def write(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> Mapping[UUID, BookVersion]:
        """Bring the rows of these books up to date, without publishing them."""
        ...


class BookReader:
    """The books of all SRs, for one process. At most `fallback_reads` reads are at the primary at once."""

    def __init__(self, published: PublishedBooks, renderer: WritesBooks, *, fallback_reads: int) -> None:
        self._published = published
        self._renderer = renderer
        self._places = asyncio.Semaphore(fallback_reads)
        self._flights: SingleFlight[Book] = SingleFlight()
        self._batches = BookBatches(self._refill)
        self._redis_rests_until = 0.0

    async def book(self, tenant_id: UUID, sr_id: UUID, needed: Needed) -> Book:
        """The SR's book, not older than what the caller needs. Raises Unavailable."""
        if needed.render_first:
            return await self._flights.begun_after_now(
                (tenant_id, sr_id, "render"), lambda: self._fill(tenant_id, sr_id, render_first=True)
            )
        found = await self._from_redis(tenant_id, sr_id)
        if found is not None and is_enough(found, needed):
            return found

        def fill() -> Awaitable[Book]:
            return self._fill(tenant_id, sr_id)

        found = await self._flights.join((tenant_id, sr_id), fill)
        if is_enough(found, needed):
            return found
        # Another caller's read may have begun before this caller's write; the one after it cannot have.
        return await self._flights.begun_after_now((tenant_id, sr_id), fill)

    async def close(self) -> None:
        """Stop what still runs."""
        await self._flights.close()
        await self._batches.close()

    @asynccontextmanager
    async def turn_at_primary(self) -> AsyncIterator[None]:
        """One of the few places at PostgreSQL. Raises Unavailable when none becomes free in time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            message = "Too many reads are waiting for the database. Try again in a moment."
            raise Unavailable(message) from None
        try:
            yield
        finally:
            self._places.release()

    async def render(self, tenant_id: UUID, sr_id: UUID) -> None:
        """Render the book by a render that begins now."""
        await self.book(tenant_id, sr_id, Needed(render_first=True))

    async def from_redis(self, tenant_id: UUID, sr_id: UUID) -> Book | None:
        """The book if Redis has it."""
        return await self._from_redis(tenant_id, sr_id)

    async def _from_redis(self, tenant_id: UUID, sr_id: UUID) -> Book | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._redis_rests_until:
            return None
        try:
            return await self._published.peek(tenant_id, sr_id)
        except ViewsAway as error:
            log.warning("views_away", reason=str(error.__cause__)[:200])
            self._redis_rests_until = loop.time() + _REDIS_REST
            return None

    async def _fill(self, tenant_id: UUID, sr_id: UUID, *, render_first: bool = False) -> Book:
        async with self.turn_at_primary():
            book = None if render_first else await self._batches.get(tenant_id, sr_id)
            if book is None:
                await self._renderer.write(tenant_id, [sr_id])
                book = await self._batches.get(tenant_id, sr_id)
            if book is None:
                message = "Your list is being made ready. Try again in a moment."
                raise Unavailable(message)
            return book

    async def _refill(self, tenant_id: UUID, sr_ids: Sequence[UUID]) -> Mapping[UUID, Book]:
        """What PostgreSQL has of these, put into Redis if that answers."""
        books = await self._published.read(tenant_id, sr_ids)
        if books and asyncio.get_running_loop().time() >= self._redis_rests_until:
            try:
                await self._published.publish(tenant_id, books)
            except ViewsAway:
                self._redis_rests_until = asyncio.get_running_loop().time() + _REDIS_REST
        return books


def is_enough(book: Book, needed: Needed) -> bool:
    """Whether the book is not older than what its reader has seen."""
    return needed.at is None or book.at >= needed.at

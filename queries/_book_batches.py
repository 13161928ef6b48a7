"""Books read from PostgreSQL together: whoever asks while statements run shares the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from domain.books import Book

# A few, so that one that waits for something does not hold up all others; under load each takes several books.
_STATEMENTS_AT_ONCE: Final = 4

# The books of these SRs of one organisation that there are.
ReadBooks: TypeAlias = Callable[[UUID, Sequence[UUID]], Awaitable[Mapping[UUID, Book]]]


class BookBatches:
    """For one process."""

    def __init__(self, read: ReadBooks) -> None:
        self._read = read
        self._waiting: dict[UUID, dict[UUID, asyncio.Future[Book | None]]] = {}
        self._working: set[asyncio.Task[None]] = set()

    async def get(self, tenant_id: UUID, sr_id: UUID) -> Book | None:
        """The book by a statement that begins after this call; None when there is none. Raises what `read` raises."""
        waiting = self._waiting.setdefault(tenant_id, {})
        future = waiting.get(sr_id)
        if future is None:
            future = waiting[sr_id] = asyncio.get_running_loop().create_future()
        # One that has ended looks for nobody any more, though it leaves the set a moment later.
        if sum(not one.done() for one in self._working) < _STATEMENTS_AT_ONCE:
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await asyncio.shield(future)

    async def close(self) -> None:
        """Stop what still runs."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _work(self) -> None:
        while self._waiting:
            tenant_id = next(iter(self._waiting))
            waiting = self._waiting.pop(tenant_id)
            try:
                books = await self._read(tenant_id, list(waiting))
            except Exception as error:  # noqa: BLE001  it is for those who wait to say what it means
                for future in waiting.values():
                    _end(future, error)
            except asyncio.CancelledError:
                for future in waiting.values():
                    future.cancel()
                raise
            else:
                for sr_id, future in waiting.items():
                    if not future.done():
                        future.set_result(books.get(sr_id))


def _end(future: asyncio.Future[Book | None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # Whoever waited may be gone: an error nobody is told of is no warning.
        future.exception()

"""One piece of work per key at a time in this process, shared by all who wait for it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares running work; a caller who goes away takes nobody's answer with them."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of the work that runs for `key`, begun now when none does."""
        task = self._running.get(key) or self._start(key, work)
        return await asyncio.shield(task)

    async def begun_after_now(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of work that began after this call; all who come while another runs share the next."""
        running = self._running.get(key)
        if running is None:
            return await asyncio.shield(self._start(key, work))
        task = self._next.get(key)
        if task is None:
            task = _task(self._follow(running, key, work))
            self._next[key] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what still runs."""
        tasks = [*self._running.values(), *self._next.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, running: asyncio.Task[T], key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.wait([running])
        # From here on it is no longer "the next": whoever comes now needs work that begins after this.
        self._next.pop(key, None)
        return await asyncio.shield(self._start(key, work))

    def _start(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        async def run() -> T:
            return await work()

        task = _task(run())
        self._running[key] = task

        def forget(done: asyncio.Task[T]) -> None:
            if self._running.get(key) is done:
                del self._running[key]

        task.add_done_callback(forget)
        return task


def _task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    # Whoever waited may be gone: an error nobody is told of is no warning.
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task

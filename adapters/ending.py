"""Ends tasks for certain, where one cancellation may not be enough."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]], *, seconds: float) -> set[asyncio.Task[Any]]:
    """Cancel these until they have ended, for at most so long; gives those that go on all the same.

    Up to Python 3.11 `asyncio.wait_for` loses a cancellation that arrives together with what it waits for, and whoever
    cancels once and then waits does so for ever.
    """
    tasks = set(tasks)
    pending = {task for task in tasks if not task.done()}
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while pending and (left := until - loop.time()) > 0:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=min(left, AGAIN_SECONDS))
    for task in tasks - pending:
        if not task.cancelled():
            # Heard, so that nobody complains of an error that nobody asked for.
            task.exception()
    return pending

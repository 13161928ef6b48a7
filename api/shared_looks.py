"""One look for all who watch the same job in this process: its counts are summed over all of its chunks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

from domain.jobs import Job


class _Look(NamedTuple):
    begun: float
    job: asyncio.Task[Job]


class SharedLooks:
    """Hands the same look to everybody who asks within `seconds` of its beginning."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looks: dict[tuple[UUID, UUID], _Look] = {}

    async def look(self, tenant_id: UUID, job_id: UUID, ask: Callable[[], Awaitable[Job]]) -> Job:
        """The job as it was at most `seconds` ago; raises what `ask` raises, to all who share the look."""
        now = time.monotonic()
        found = self._looks.get((tenant_id, job_id))
        if found is None or now - found.begun >= self._seconds:
            self._forget(now)
            found = self._looks[tenant_id, job_id] = _Look(now, _task(ask))
        # Whoever stops watching must not take the look away from the others.
        return await asyncio.shield(found.job)

    def _forget(self, now: float) -> None:
        for key in [key for key, look in self._looks.items() if look.job.done() and now - look.begun >= self._seconds]:
            del self._looks[key]


def _task(ask: Callable[[], Awaitable[Job]]) -> asyncio.Task[Job]:
    async def asked() -> Job:
        return await ask()

    task = asyncio.create_task(asked())
    # Whoever waited may be gone: an error nobody is told of is no warning.
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task

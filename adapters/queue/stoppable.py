"""arq's worker, able to stop: it takes nothing more and gives back what it has begun, whatever Redis does meanwhile."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from arq import Worker

from adapters.ending import end_tasks

# How long what is under way may take to give itself back, and what still goes on then to end after all.
GRACE_SECONDS = 1.0
END_SECONDS = 0.4
_LOOK_SECONDS = 0.05


class _Stopped(Exception):  # noqa: N818  no error: how the loop is left
    """Ends arq's loop between two looks at the queue, where it holds no connection."""


class StoppableWorker(Worker):
    """Stopped by `stop`, since a cancelled loop may leave a command half sent and a message half taken."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  arq's own, passed on
        super().__init__(**options)
        # arq shields these from the cancellation of their messages, and nobody waits for them.
        self._finishing: set[asyncio.Task[Any]] = set()

    async def async_run(self) -> None:
        """Take messages until stopped. Raises what Redis said when it went away."""
        try:
            await super().async_run()
        except _Stopped:
            return

    async def stop(self, running: asyncio.Task[None]) -> None:
        """End `running`, which is `async_run`, and everything that it has begun."""
        self.allow_pick_jobs = False
        loop = asyncio.get_running_loop()
        until = loop.time() + GRACE_SECONDS
        told: set[asyncio.Task[Any]] = set()
        while (going := self._going(running)) and loop.time() < until:
            # The function alone: arq then notes by itself that the message is free again.
            for function in set(self.job_tasks.values()) - told:
                function.cancel()
                told.add(function)
            await asyncio.wait(going, timeout=_LOOK_SECONDS)
        await end_tasks([running, *told, *self.tasks.values(), *self._finishing], seconds=END_SECONDS)

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Begin as many as there is room for, and none once told to stop."""
        for one in job_ids:
            if not self.allow_pick_jobs or self.job_counter >= self.max_jobs:
                return
            await super().start_jobs([one])

    async def finish_job(self, *args: Any) -> None:  # noqa: ANN401  arq's own, passed on
        """Note in Redis what became of a message."""
        with _listed(self._finishing):
            await super().finish_job(*args)

    async def finish_failed_job(self, *args: Any) -> None:  # noqa: ANN401  arq's own, passed on
        """Forget a message that cannot be worked on."""
        with _listed(self._finishing):
            await super().finish_failed_job(*args)

    async def _poll_iteration(self) -> None:
        if not self.allow_pick_jobs:
            raise _Stopped
        await super()._poll_iteration()

    def _going(self, running: asyncio.Task[None]) -> set[asyncio.Task[Any]]:
        return {task for task in (running, *self.tasks.values(), *self._finishing) if not task.done()}


@contextlib.contextmanager
def _listed(tasks: set[asyncio.Task[Any]]) -> Iterator[None]:
    task = asyncio.current_task()
    if task is None:
        message = "outside of any task"
        raise RuntimeError(message)
    tasks.add(task)
    try:
        yield
    finally:
        tasks.discard(task)

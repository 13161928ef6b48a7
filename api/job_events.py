"""A job as a stream of server-sent events: one whenever something has changed, until it has ended."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from litestar.response.sse import ServerSentEventMessage

from domain.jobs import ENDED, Job
from domain.sessions import SessionEnded
from domain.shared.errors import NotFound

LOOK_SECONDS = 0.4
PING_SECONDS = 15.0
LIFE_SECONDS = 300.0


async def job_events(
    look: Callable[[], Awaitable[Job]], stopping: asyncio.Event, *, last_event_id: str | None
) -> AsyncIterator[ServerSentEventMessage]:
    """`job` events, and `ended` as the last one when the job has; a ping where nothing happens.

    The id of an event is made of what it says: who comes back with the last one gets only news. The stream ends
    after five minutes, when the server stops, or with the session of whoever looks; clients come back.
    """
    begun = told = time.monotonic()
    seen = last_event_id
    yield ServerSentEventMessage(comment="job", retry=1000)
    while not stopping.is_set() and time.monotonic() - begun < LIFE_SECONDS:
        try:
            job = await look()
        except (NotFound, SessionEnded):
            return
        now = _mark(job)
        ended = job.state in ENDED
        if now != seen or ended:
            seen, told = now, time.monotonic()
            data = msgspec.json.encode(job).decode()
            yield ServerSentEventMessage(data=data, event="ended" if ended else "job", id=now)
        elif time.monotonic() - told >= PING_SECONDS:
            told = time.monotonic()
            yield ServerSentEventMessage(comment="ping")
        if ended:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)


def _mark(job: Job) -> str:
    progress, counts = job.progress, job.counts
    parts = (job.state, progress.step, progress.done, counts.rows - counts.not_loaded, job.waiting_for or "")
    return "-".join(str(part) for part in parts).replace(" ", "_")

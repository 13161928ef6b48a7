"""A worker process: takes chunks of jobs and deliveries of events from the queue. Its composition root."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from adapters.files import open_files
from adapters.logs import configure_logs
from adapters.postgres.engine import open_engine
from adapters.queue.arq_queue import CHUNKS, EVENTS, Consumer, open_queue
from adapters.redis.client import open_redis
from adapters.redis.job_progress import JobProgress
from adapters.redis.session_marks import SessionMarks
from adapters.redis.wakeups import wake_relay
from adapters.settings import Settings, load_settings
from commands._run import Runner
from domain.shared.ids import new_id
from workers.books import LeftToRelay, open_auditor, open_renderer
from workers.job_kinds import JOB_KINDS
from workers.jobs.kind import JobKinds
from workers.jobs.run import run_next_chunk
from workers.machinery import Machinery
from workers.presence import stay_seen
from workers.process import run_process, until_stopped
from workers.schedule import keep_schedule
from workers.subscribers.deliver import deliver
from workers.subscribers.listed import SUBSCRIBERS
from workers.subscribers.subscriber import Subscriber

log = structlog.get_logger()

CONCURRENCY = 2
EVENTS_AT_ONCE = 8
CHUNK_TIMEOUT_S = 3600
EVENT_TIMEOUT_S = 60
# A statement of bulk work may take its time; a lease that is lost ends it.
STATEMENT_TIMEOUT_MS = 600_000


def main(*, concurrency: int | None = None, kinds: JobKinds = JOB_KINDS) -> int:
    """Run until SIGTERM or SIGINT; chunks at work are given back at once."""
    settings = load_settings(os.environ)
    configure_logs(level=settings.log_level, json_lines=settings.is_production)

    async def run(stop: asyncio.Event) -> None:
        await _run(settings, stop, concurrency or CONCURRENCY, kinds)

    return run_process(run)


async def _run(settings: Settings, stop: asyncio.Event, concurrency: int, kinds: JobKinds) -> None:
    log.info("worker_started", pid=os.getpid(), concurrency=concurrency)
    async with open_machinery(settings, stop, concurrency=concurrency, kinds=kinds) as machinery:
        await work(machinery, settings.redis_url, concurrency=concurrency)
    log.info("worker_stopped", pid=os.getpid())


@asynccontextmanager
async def open_machinery(
    settings: Settings, stop: asyncio.Event, *, concurrency: int, kinds: JobKinds = JOB_KINDS
) -> AsyncIterator[Machinery]:
    """Everything that the process holds open, closed in the opposite order."""
    engine = open_engine(
        settings.database_app_url,
        application_name="haat-worker",
        # A chunk and its heartbeat each; a delivery holds its row while it opens another transaction.
        pool_size=2 * concurrency + 4,
        max_overflow=2 * EVENTS_AT_ONCE,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    redis = open_redis(settings.redis_url)
    queue = open_queue(settings.redis_url)

    async def wake() -> None:
        await wake_relay(redis)

    try:
        async with (
            open_renderer(engine, settings.redis_read_url) as renderer,
            open_auditor(engine, settings.redis_read_url) as auditor,
        ):

            async def render_books(tenant_id: UUID, sr_ids: Sequence[UUID]) -> None:
                await renderer.render(tenant_id, sr_ids)

            yield Machinery(
                engine=engine,
                runner=Runner(engine, LeftToRelay(), wake),
                queue=queue,
                files=open_files(settings.storage_url),
                progress=JobProgress(redis),
                session_marks=SessionMarks(redis),
                kinds=kinds,
                render_books=render_books,
                auditor=auditor,
                worker_id=new_id(),
                stop=stop,
                wake_relay=wake,
            )
    finally:
        await queue.close()
        await redis.aclose()
        await engine.dispose()


async def work(
    machinery: Machinery, redis_url: str, *, concurrency: int, subscribers: Sequence[Subscriber] = SUBSCRIBERS
) -> None:
    """Take from both queues until the machinery is told to stop: long chunks never keep events waiting."""

    async def run(_tenant_id: str, _job_id: str, _number: int) -> None:
        await run_next_chunk(machinery)

    async def take(tenant_id: str, event_id: str, subscriber: str) -> None:
        await deliver(machinery, subscribers, UUID(tenant_id), UUID(event_id), subscriber)

    def doing() -> list[dict[str, object]]:
        return [{"job_id": str(job), "chunk": number, "step": step} for (job, number), step in machinery.doing.items()]

    chunks = Consumer(redis_url, CHUNKS, {"run_chunk": run}, at_once=concurrency, timeout_s=CHUNK_TIMEOUT_S)
    events = Consumer(redis_url, EVENTS, {"deliver": take}, at_once=EVENTS_AT_ONCE, timeout_s=EVENT_TIMEOUT_S)
    presence = stay_seen(
        machinery.engine,
        kind="worker",
        concurrency=concurrency,
        doing=doing,
        stop=machinery.stop,
        worker_id=machinery.worker_id,
    )
    await until_stopped(
        machinery.stop, chunks.run(machinery.stop), events.run(machinery.stop), keep_schedule(machinery), presence
    )

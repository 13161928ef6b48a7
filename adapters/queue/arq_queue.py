"""The queue between the relay and the workers, on arq: it only says what to look at; PostgreSQL knows the rest.

arq ends its worker with the first Redis error and forgets everything with a flush, so a consumer here is rebuilt for
as long as it is wanted, and nothing that matters is known to Redis alone.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any
from uuid import UUID

import msgspec
import structlog
from arq import func
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from adapters.ending import end_tasks
from adapters.queue.stoppable import END_SECONDS, StoppableWorker
from adapters.redis.client import open_redis

log = structlog.get_logger()

CHUNKS = "haat:chunks"
EVENTS = "haat:events"
# A message that nobody took within so long may be lost: the same one sent again then counts as a new one.
STALE_SECONDS = 10
MONTH_MS = 30 * 24 * 3600 * 1000
UNLIMITED_TRIES = 1_000_000_000
READ_LIMIT = 1_000

# The arguments are what the sender passed, as text and numbers.
Function = Callable[..., Awaitable[None]]


class Queue:
    """Sends; a Redis that is away is no error, since the sweeper sends again."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def send_delivery(self, tenant_id: UUID, event_id: UUID, subscriber: str, attempts: int) -> bool:
        """Have an event delivered to one subscriber."""
        args = (str(tenant_id), str(event_id), subscriber)
        return await self._send(EVENTS, "deliver", f"{event_id}:{subscriber}:{attempts}", args)

    async def send_chunk(self, tenant_id: UUID, job_id: UUID, number: int, attempt: int) -> bool:
        """Have a chunk of a job worked on."""
        args = (str(tenant_id), str(job_id), number)
        return await self._send(CHUNKS, "run_chunk", f"{job_id}:{number}:{attempt}", args)

    async def close(self) -> None:
        """Close the connections."""
        await _close(self._redis)

    async def _send(self, queue: str, function: str, name: str, args: tuple[str | int, ...]) -> bool:
        message_id = f"{function}:{name}:{int(time.time()) // STALE_SECONDS}"
        try:
            await self._redis.enqueue_job(function, *args, _job_id=message_id, _queue_name=queue)
        except (RedisError, OSError) as error:
            log.warning("not_queued", function=function, error=str(error)[:200])
            return False
        return True


def open_queue(redis_url: str) -> Queue:
    """The queue in the Redis at `redis_url`."""
    return Queue(_connect(redis_url))


class Consumer:
    """Takes messages of one queue, at most `at_once` at a time, until told to stop."""

    def __init__(
        self, redis_url: str, queue: str, functions: Mapping[str, Function], *, at_once: int, timeout_s: int
    ) -> None:
        self._redis_url = redis_url
        self._queue = queue
        self._functions = functions
        self._at_once = at_once
        self._timeout_s = timeout_s
        self._left: set[asyncio.Task[Any]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then what is under way is cancelled, and its functions clean up after themselves."""
        delay = 0.1
        while not stop.is_set():
            redis = _connect(self._redis_url)
            worker = self._worker(redis)
            started = time.monotonic()
            stopping = asyncio.create_task(stop.wait())
            working = asyncio.create_task(worker.async_run())
            try:
                await asyncio.wait({stopping, working}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                if stop.is_set():
                    await worker.stop(working)
                    break
                log.warning("queue_lost", queue=self._queue, error=str(working.exception())[:200])
                self._keep(worker)
                delay = 0.1 if time.monotonic() - started > 10 else min(delay * 2, 2.0)  # noqa: PLR2004  it had worked
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay * random.uniform(0.5, 1.0))  # noqa: S311  jitter
            finally:
                await _close(redis)
        await end_tasks(self._left, seconds=END_SECONDS)

    def _keep(self, worker: StoppableWorker) -> None:
        """Let what the lost worker had begun come to its end: PostgreSQL, not the queue, hears of it."""
        for task in worker.tasks.values():
            self._left.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()

    def _worker(self, redis: ArqRedis) -> StoppableWorker:
        return StoppableWorker(
            functions=[func(_guarded(name, call), name=name) for name, call in self._functions.items()],
            redis_pool=redis,
            queue_name=self._queue,
            max_jobs=self._at_once,
            job_timeout=self._timeout_s,
            handle_signals=False,
            keep_result=0,
            max_tries=UNLIMITED_TRIES,
            poll_delay=0.05,
            queue_read_limit=READ_LIMIT,
            health_check_interval=10,
            expires_extra_ms=MONTH_MS,
            log_results=False,
            job_serializer=_encode,
            job_deserializer=msgspec.msgpack.decode,
        )


def _guarded(name: str, call: Function) -> Callable[..., Coroutine[Any, Any, None]]:
    """`call`, of which arq never hears a failure: it would keep it as a result, or end its worker."""

    async def guarded(_context: dict[str, Any], *args: str | int) -> None:
        try:
            await call(*args)
        except Exception as error:
            log.exception("task_failed", function=name, args=args, error=str(error)[:200])

    guarded.__qualname__ = name
    return guarded


def _connect(redis_url: str) -> ArqRedis:
    pool = open_redis(redis_url, timeout=5.0).connection_pool
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=_encode,
        job_deserializer=msgspec.msgpack.decode,
        expires_extra_ms=MONTH_MS,
    )


async def _close(redis: ArqRedis) -> None:
    with contextlib.suppress(RedisError, OSError):
        await redis.connection_pool.disconnect()


def _encode(message: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(message, enc_hook=str)

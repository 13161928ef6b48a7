"""Tasks that are told to end do, even where one cancellation gets lost; and a closed Redis pool stays closed."""

import asyncio
from typing import Any, cast

import pytest
from arq import func
from arq.connections import ArqRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from adapters.ending import end_tasks
from adapters.queue.stoppable import StoppableWorker
from adapters.redis.client import open_redis


async def swallow_first(reached: asyncio.Event) -> None:
    reached.set()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)


async def test_a_lost_cancellation_is_repeated() -> None:
    reached = asyncio.Event()
    task = asyncio.create_task(swallow_first(reached))
    await reached.wait()
    assert await end_tasks([task], seconds=5) == set()
    assert task.cancelled()


async def test_what_does_not_end_is_told_and_not_waited_for() -> None:
    freed, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    assert await end_tasks([task], seconds=0.1) == {task}
    freed.set()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_closed_pool_opens_no_connection_again(redis_url: str) -> None:
    redis = open_redis(redis_url)
    pool = redis.connection_pool
    assert await redis.ping()
    connection = await pool.get_connection()
    await redis.aclose()
    with pytest.raises(RedisConnectionError, match="have been closed"):
        await redis.ping()
    # One that was in use when its pool was closed, and sends one more command.
    with pytest.raises(RedisConnectionError, match="have been closed"):
        await connection.send_command("PING")
    assert not connection.is_connected
    await pool.release(connection)


async def test_a_worker_that_shields_its_last_word_is_waited_for(redis_url: str) -> None:
    """Redis hears what became of a message while nobody waits for it: the pool must not be closed under it."""
    redis = open_redis(redis_url)
    begun = asyncio.Event()

    async def forever(_context: dict[Any, Any]) -> None:
        begun.set()
        await asyncio.sleep(60)

    arq = ArqRedis(pool_or_conn=redis.connection_pool)
    worker = StoppableWorker(
        functions=[func(cast("Any", forever), name="forever")],
        redis_pool=arq,
        queue_name="haat:test",
        handle_signals=False,
        poll_delay=0.01,
        keep_result=0,
    )
    await arq.enqueue_job("forever", _job_id="one", _queue_name="haat:test")
    running = asyncio.create_task(worker.async_run())
    await asyncio.wait_for(begun.wait(), 5)
    assert await arq.exists("arq:in-progress:one")
    await worker.stop(running)
    assert running.done()
    assert running.exception() is None
    assert all(task.done() for task in worker.tasks.values())
    # Free for the next worker.
    assert not await arq.exists("arq:in-progress:one")
    assert await arq.zcard("haat:test") == 1
    await arq.delete("haat:test", "arq:job:one", "arq:retry:one")
    await redis.aclose()

"""Waking the relay: at once when Redis is there, and never at the cost of a write when it is not."""

import asyncio

from redis.asyncio import Redis

from adapters.redis.client import open_redis
from adapters.redis.wakeups import CHANNEL, listen, wake_relay


async def test_whoever_listens_is_woken(redis_url: str) -> None:
    speaker, listener = open_redis(redis_url), open_redis(redis_url)
    woken = asyncio.Event()
    ears = asyncio.create_task(listen(listener, woken))
    async with asyncio.timeout(10):
        while dict(await speaker.pubsub_numsub(CHANNEL)).get(CHANNEL.encode(), 0) == 0:  # noqa: ASYNC110  Redis sets no event
            await asyncio.sleep(0.01)
        await wake_relay(speaker)
        await woken.wait()
    ears.cancel()
    await asyncio.gather(ears, return_exceptions=True)
    await listener.aclose()
    await speaker.aclose()


async def test_a_redis_that_hangs_costs_a_write_less_than_a_second() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    redis: Redis = open_redis(f"redis://{host}:{port}/0")
    async with asyncio.timeout(1):
        await wake_relay(redis)
    await redis.aclose()
    server.close()
    await server.wait_closed()

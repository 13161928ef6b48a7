"""Wakes the relay as soon as an event is committed; without Redis it polls."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()

CHANNEL = "outbox:written"
RECONNECT_SECONDS = 1.0
LISTEN_SECONDS = 0.5
WAKE_SECONDS = 0.25


async def wake_relay(redis: Redis) -> None:
    """Tell whoever relays that there is something in the outbox. Never raises."""
    try:
        # Every write waits for this: a server that hangs must not cost more than the relay's poll would.
        async with asyncio.timeout(WAKE_SECONDS):
            await redis.publish(CHANNEL, b"")
    except (RedisError, OSError):
        log.info("relay_not_woken")


async def listen(redis: Redis, woken: asyncio.Event) -> None:
    """Set `woken` at every message, for ever; a Redis that goes away is waited for."""
    while True:
        try:
            async with redis.pubsub() as messages:
                await messages.subscribe(CHANNEL)
                while True:
                    if await messages.get_message(ignore_subscribe_messages=True, timeout=LISTEN_SECONDS) is not None:
                        woken.set()
        except (RedisError, OSError) as error:
            log.info("wakeups_lost", error=str(error)[:200])
            await asyncio.sleep(RECONNECT_SECONDS)

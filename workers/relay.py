"""The relay: takes events from the outbox to their subscribers, and books that were left behind up to date."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.ending import end_tasks
from adapters.logs import configure_logs
from adapters.postgres.engine import open_engine
from adapters.postgres.stores import deliveries as delivery_store
from adapters.postgres.stores import outbox as outbox_store
from adapters.postgres.stores.deliveries import Address
from adapters.postgres.transaction import transaction
from adapters.queue.arq_queue import Queue, open_queue
from adapters.redis.client import open_redis
from adapters.redis.wakeups import listen
from adapters.settings import Settings, load_settings
from commands.books.render_unrendered import render_unrendered
from domain.shared.actor import RELAY
from workers.books import open_renderer
from workers.presence import stay_seen
from workers.process import run_process, until_stopped
from workers.subscribers.listed import SUBSCRIBERS
from workers.subscribers.subscriber import Subscriber

log = structlog.get_logger()

BATCH = 500
POLL_SECONDS = 0.25
RENDER_SECONDS = 0.15
# A rename that touches thousands of books is one look: it must not keep the books of other organisations waiting.
RENDERING_AT_ONCE = 2
MAX_DELAY_SECONDS = 5.0

Once = Callable[[], Awaitable[bool]]


async def relay_once(engine: AsyncEngine, queue: Queue, subscribers: Sequence[Subscriber]) -> bool:
    """Relay a batch; whether there may be more. Types of event that nobody subscribes to are only marked."""
    async with transaction(engine, RELAY) as tx:
        events = await outbox_store.claim_unrelayed(tx, limit=BATCH)
        addresses = [
            Address(tenant_id=event.tenant_id, event_id=event.id, subscriber=subscriber.name)
            for event in events
            for subscriber in subscribers
            if subscriber.type == event.type
        ]
        await delivery_store.insert(tx, addresses)
    for one in addresses:
        if not await queue.send_delivery(one.tenant_id, one.event_id, one.subscriber, one.attempts):
            break  # the sweeper sends them as soon as Redis is back
    return len(events) == BATCH


async def keep_doing(name: str, once: Once, stop: asyncio.Event, *, every: float, woken: asyncio.Event) -> None:
    """Do it again and again until `stop`, at once when there is more or `woken`; patiently while servers are away."""
    delay = 0.0
    while not stop.is_set():
        woken.clear()
        try:
            more = await once()
            delay = 0.0
        except (SQLAlchemyError, OSError) as error:
            delay = min(max(delay * 2, 0.2), MAX_DELAY_SECONDS)
            log.warning("relay_waits", doing=name, error=str(error)[:200], seconds=delay)
            more = False
        except Exception:
            delay = MAX_DELAY_SECONDS
            log.exception("relay_failed", doing=name)
            more = False
        if not more:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait() if not delay else stop.wait(), delay or every)


def main() -> int:
    """Run until SIGTERM or SIGINT; any number of relays may run."""
    settings = load_settings(os.environ)
    configure_logs(level=settings.log_level, json_lines=settings.is_production)

    async def run(stop: asyncio.Event) -> None:
        await run_relay(settings, stop)

    return run_process(run)


async def run_relay(settings: Settings, stop: asyncio.Event) -> None:
    """The relay's composition root."""
    woken, unwoken = asyncio.Event(), asyncio.Event()
    # A look at the books takes up to nine.
    engine = open_engine(
        settings.database_app_url, application_name="haat-relay", pool_size=4, max_overflow=9 * RENDERING_AT_ONCE
    )
    queue = open_queue(settings.redis_url)
    wakeups = open_redis(settings.redis_url)

    async def relay() -> bool:
        return await relay_once(engine, queue, SUBSCRIBERS)

    async def rouse() -> None:
        await stop.wait()
        for event in (woken, unwoken):
            event.set()

    ears = asyncio.create_task(listen(wakeups, woken))
    log.info("relay_started", pid=os.getpid())
    try:
        async with open_renderer(engine, settings.redis_read_url) as renderer:

            async def render() -> bool:
                return await render_unrendered(engine, renderer) > 0

            await until_stopped(
                stop,
                rouse(),
                keep_doing("events", relay, stop, every=POLL_SECONDS, woken=woken),
                *(
                    keep_doing("books", render, stop, every=RENDER_SECONDS, woken=unwoken)
                    for _ in range(RENDERING_AT_ONCE)
                ),
                stay_seen(engine, kind="relay", concurrency=1, doing=list, stop=stop),
            )
    finally:
        await end_tasks([ears], seconds=1)
        await wakeups.aclose()
        await queue.close()
        await engine.dispose()
    log.info("relay_stopped", pid=os.getpid())

"""Delivers one event to one subscriber: done once, tried again with patience, a dead letter in the end."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.stores import deliveries as delivery_store
from adapters.postgres.stores.deliveries import Letter
from adapters.postgres.transaction import transaction
from domain.shared.actor import worker_actor
from workers.machinery import Machinery
from workers.subscribers.subscriber import Subscriber

log = structlog.get_logger()

MAX_ATTEMPTS = 8
HEARING_SECONDS = 45.0
_SHOWN = 500


class UnknownSubscriberError(LookupError):
    """This version of Haat has no such subscriber; another one may have it."""


async def deliver(
    machinery: Machinery, subscribers: Sequence[Subscriber], tenant_id: UUID, event_id: UUID, name: str
) -> None:
    """Deliver it, unless that is done or being done; a failure is kept with the delivery."""
    letter: Letter | None = None
    try:
        async with transaction(machinery.engine, worker_actor(tenant_id)) as tx:
            letter = await delivery_store.lock(tx, event_id, name)
            if letter is None:
                return
            await _hear(machinery, subscribers, tenant_id, name, letter)
            await delivery_store.done(tx, event_id, name)
    except Exception as error:
        if letter is None:
            raise
        log.warning("delivery_failed", subscriber=name, event_id=str(event_id), exc_info=error)
        await _keep_failure(machinery, tenant_id, event_id, name, letter.attempts, error)


async def _hear(
    machinery: Machinery, subscribers: Sequence[Subscriber], tenant_id: UUID, name: str, letter: Letter
) -> None:
    subscriber = next((one for one in subscribers if one.name == name), None)
    if subscriber is None:
        message = f"no subscriber {name} in this version"
        raise UnknownSubscriberError(message)
    event = msgspec.convert(letter.payload, subscriber.event)
    # Shorter than the queue's own limit, which would cancel this without anybody keeping the failure.
    async with asyncio.timeout(HEARING_SECONDS):
        await subscriber.hear(event, machinery, tenant_id)


async def _keep_failure(
    machinery: Machinery, tenant_id: UUID, event_id: UUID, name: str, attempts: int, error: Exception
) -> None:
    text = f"{type(error).__name__}: {error}"[:_SHOWN]
    delay = min(300.0, 0.5 * 2**attempts) * random.uniform(0.5, 1.5)  # noqa: S311  jitter is no secret
    # While a new version is rolled out, an old worker may be sent what only the new one knows: that is no failed try.
    counts = not isinstance(error, UnknownSubscriberError)
    again_in_s = None if counts and attempts + 1 >= MAX_ATTEMPTS else delay
    try:
        async with transaction(machinery.engine, worker_actor(tenant_id)) as tx:
            await delivery_store.failed(tx, event_id, name, error=text, again_in_s=again_in_s, counts=counts)
    except (SQLAlchemyError, OSError) as away:
        log.warning("failure_not_kept", subscriber=name, event_id=str(event_id), error=str(away)[:200])

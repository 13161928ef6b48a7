"""Render what nobody has reported as rendered: the relay's part in keeping books fresh."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import books as book_store
from adapters.postgres.stores import outbox as outbox_store
from adapters.postgres.stores.outbox import Unrendered
from adapters.postgres.transaction import transaction
from adapters.redis.views import ViewsAway
from commands.books.render_books import BookRenderer
from domain.shared.actor import RELAY, worker_actor
from domain.shared.events import together

log = structlog.get_logger()

# Seconds that the process which committed has for rendering by itself.
OWN_CHANCE: Final = 0.2
_ORGANISATIONS_AT_ONCE: Final = 4
_EVENTS_AT_ONCE: Final = 500


async def render_unrendered(engine: AsyncEngine, renderer: BookRenderer, *, older_than: float = OWN_CHANCE) -> int:
    """One look at the outboxes of all organisations; gives how many events became fresh.

    Several may run at once, in one process or in many: an organisation is rendered by one of them at a time. What
    fails is left to the next look; errors of one organisation leave the others alone.
    """
    async with transaction(engine, RELAY) as tx:
        claimed: dict[UUID, list[Unrendered]] = defaultdict(list)
        for event in await outbox_store.claim_unrendered(
            tx, older_than=older_than, organisations=_ORGANISATIONS_AT_ONCE, events=_EVENTS_AT_ONCE
        ):
            claimed[event.tenant_id].append(event)
        fresh = await asyncio.gather(*(_render(engine, renderer, *one) for one in claimed.items()))
    return sum(fresh)


async def _render(engine: AsyncEngine, renderer: BookRenderer, tenant_id: UUID, events: Sequence[Unrendered]) -> int:
    """Render the books of all these events together; how many events became fresh: all or none."""
    try:
        async with transaction(engine, worker_actor(tenant_id)) as tx:
            sr_ids = await book_store.holders(tx, together(event.touches for event in events))
        await renderer.render(tenant_id, sr_ids)
        # Not with the claim: a claim that idles for a minute is cut off, and must not take what was rendered with it.
        async with transaction(engine, RELAY) as tx:
            await outbox_store.mark_rendered(tx, [(event.tenant_id, event.id) for event in events])
    except (SQLAlchemyError, OSError, ViewsAway) as error:
        log.warning("books_not_rendered", tenant_id=str(tenant_id), events=len(events), error=repr(error)[:300])
        return 0
    except Exception:
        log.exception("books_not_rendered", tenant_id=str(tenant_id), events=len(events))
        return 0
    log.info("books_rendered", tenant_id=str(tenant_id), events=len(events), books=len(sr_ids))
    return len(events)

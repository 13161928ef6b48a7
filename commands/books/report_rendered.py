"""Report events whose books are rendered, many in one statement, so that the relay need not render them again."""

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import outbox as outbox_store
from adapters.postgres.transaction import transaction
from domain.shared.actor import RELAY

log = structlog.get_logger()

_EVERY_SECONDS: Final = 0.05


class RenderedReporter:
    """Collects what this process has finished; a report that is lost only costs the relay a render."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._finished: list[tuple[UUID, UUID]] = []
        self._task: asyncio.Task[None] | None = None

    def finished(self, tenant_id: UUID, event_ids: Iterable[UUID]) -> None:
        """The books of these events are fresh, in Redis too."""
        self._finished += [(tenant_id, event_id) for event_id in event_ids]
        if self._finished and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._report())

    async def close(self) -> None:
        """Report what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    async def _report(self) -> None:
        while self._finished:
            await asyncio.sleep(_EVERY_SECONDS)
            await self._flush()

    async def _flush(self) -> None:
        reported, self._finished = self._finished, []
        if not reported:
            return
        try:
            async with transaction(self._engine, RELAY) as tx:
                await outbox_store.mark_rendered(tx, reported)
        except (SQLAlchemyError, OSError) as error:
            log.warning("rendered_not_reported", events=len(reported), error=str(error)[:200])

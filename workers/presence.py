"""Lets operators, and jobs that wait, see that a background process is alive."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import workers as worker_store
from adapters.postgres.transaction import transaction
from domain.shared.actor import RELAY
from domain.shared.ids import new_id

log = structlog.get_logger()

EVERY_SECONDS = 3.0


async def stay_seen(
    engine: AsyncEngine,
    *,
    kind: str,
    concurrency: int,
    doing: Callable[[], list[dict[str, object]]],
    stop: asyncio.Event,
    worker_id: UUID | None = None,
) -> None:
    """Tell PostgreSQL every few seconds that this process lives, and in the end that it has gone."""
    worker_id = worker_id or new_id()
    host, pid = socket.gethostname(), os.getpid()
    while not stop.is_set():
        try:
            async with transaction(engine, RELAY) as tx:
                await worker_store.seen(
                    tx, worker_id, kind=kind, host=host, pid=pid, concurrency=concurrency, doing=doing()
                )
        except (SQLAlchemyError, OSError) as error:
            log.info("not_seen", error=str(error)[:200])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
    with contextlib.suppress(SQLAlchemyError, OSError):
        async with transaction(engine, RELAY) as tx:
            await worker_store.gone(tx, worker_id)

"""Writes to workers: which background processes are alive."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.workers import workers
from adapters.postgres.transaction import Tx


async def seen(tx: Tx, worker_id: UUID, *, kind: str, host: str, pid: int, concurrency: int, doing: list[Any]) -> None:
    """The process is alive at this moment."""
    values = {"kind": kind, "host": host, "pid": pid, "concurrency": concurrency, "doing": doing}
    await tx.conn.execute(
        insert(workers)
        .values(id=worker_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_={"doing": doing, "seen_at": sa.func.now()})
    )


async def delete_silent(tx: Tx, *, before: datetime, limit: int) -> int:
    """Forget processes that were last seen before then, at most `limit`; how many."""
    return await delete_chosen(tx, workers, sa.select(workers.c.id).where(workers.c.seen_at < before).limit(limit))


async def gone(tx: Tx, worker_id: UUID) -> None:
    """The process has stopped in good order."""
    await tx.conn.execute(sa.delete(workers).where(workers.c.id == worker_id))

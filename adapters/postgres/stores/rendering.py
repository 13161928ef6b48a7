"""Plans of the render step: which books a job has touched, in chunks of so many."""

from typing import Final
from uuid import UUID

from adapters.postgres.stores import before_images
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from domain.jobs import PlannedChunk

_BOOKS_PER_CHUNK: Final = 300
# A chunk that only plans: it touches no book itself.
_LOOK_FIRST: Final = PlannedChunk(rows=0, params={"sr_ids": [], "look_first": True})


def looks_first(params: dict[str, object]) -> bool:
    """Whether the chunk is to find out which books there are to be rendered."""
    return "look_first" in params


async def plan_look(tx: Tx, job_id: UUID) -> None:
    """Have a worker find out which books the job has touched."""
    await job_store.plan_chunks(tx, job_id, [_LOOK_FIRST], step="render")


async def plan_rendering(tx: Tx, job_id: UUID) -> None:
    """Plan the rendering of every book that the job has touched: about a second after a million rows."""
    books = [str(sr_id) for sr_id in await before_images.books_touched(tx.conn, tx.tenant_id, job_id)]
    planned = [
        PlannedChunk(rows=0, params={"sr_ids": books[start : start + _BOOKS_PER_CHUNK]})
        for start in range(0, len(books), _BOOKS_PER_CHUNK)
    ]
    await job_store.plan_chunks(tx, job_id, planned, step="render")

"""Keeps the planner informed while a job fills tables."""

from collections.abc import Sequence
from typing import Final

from adapters.postgres.statistics import refresh_statistics
from domain.shared.actor import worker_actor
from workers.jobs.work import Work

_WORTH_IT: Final = 5_000


async def tell_planner(work: Work, tables: Sequence[str]) -> None:
    """After chunks 1, 2, 4, 8 …: whenever a job may have doubled what it has written."""
    number = work.chunk.number
    if work.chunk.rows >= _WORTH_IT and not work.job.dry_run and number & (number - 1) == 0:
        await refresh_statistics(work.engine, worker_actor(work.job.tenant_id), tables)

"""Starts what was planned for a day once that day has begun where the organisation is."""

from zoneinfo import ZoneInfoNotFoundError

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import planned_jobs
from adapters.postgres.transaction import transaction
from domain.shared.actor import RELAY
from domain.shared.days import latest_day, today
from domain.shared.errors import Refusal
from workers.jobs.advance import advance
from workers.machinery import Machinery

log = structlog.get_logger()


async def start_due_jobs(machinery: Machinery) -> None:
    """Take every job further whose day has come, also when it came while no worker was alive.

    The job itself decides again, under its lock: it starts once, whoever asks and however often.
    """
    async with transaction(machinery.engine, RELAY) as tx:
        if not await job_store.may_do(tx, "due jobs"):
            return
        planned = await planned_jobs.planned_until(tx, latest_day(tx.now))
    for one in planned:
        try:
            if today(tx.now, one.zone) >= one.starts_on:
                await advance(machinery, one.tenant_id, one.id)
        except (SQLAlchemyError, Refusal, ZoneInfoNotFoundError) as error:
            log.warning("job_not_started", job_id=str(one.id), error=str(error)[:200])

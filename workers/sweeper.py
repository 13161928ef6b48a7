"""The sweeper: sees to what dead workers and a flushed Redis have forgotten."""

from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import deliveries as delivery_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import turns
from adapters.postgres.transaction import transaction
from domain.shared.actor import RELAY, worker_actor
from domain.shared.errors import Refusal
from workers.jobs.advance import advance
from workers.machinery import Machinery

log = structlog.get_logger()

# A delivery that nobody has taken for so long was lost on the way.
OVERDUE_SECONDS = 3.0


async def sweep(machinery: Machinery) -> None:
    """Take chunks from silent workers, take every open job further, and send overdue deliveries again."""
    async with transaction(machinery.engine, RELAY) as tx:
        if not await job_store.may_do(tx, "sweeper"):
            return
        overdue = await delivery_store.overdue(tx, seconds=OVERDUE_SECONDS)
        open_jobs = await turns.open_jobs(tx)
    for one in overdue:
        await machinery.queue.send_delivery(one.tenant_id, one.event_id, one.subscriber, one.attempts)
    for tenant_id, job_id in open_jobs:
        await _sweep_job(machinery, tenant_id, job_id)


async def _sweep_job(machinery: Machinery, tenant_id: UUID, job_id: UUID) -> None:
    try:
        async with transaction(machinery.engine, worker_actor(tenant_id)) as tx:
            lost = await chunk_store.expire(tx, job_id)
        if lost:
            log.warning("leases_expired", job_id=str(job_id), chunks=lost)
        await advance(machinery, tenant_id, job_id)
    except (SQLAlchemyError, Refusal) as error:
        log.warning("job_not_swept", job_id=str(job_id), error=str(error)[:200])

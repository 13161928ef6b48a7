"""Jobs that wait for a day: which there are, and what a day has to wait for."""

from datetime import date
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.jobs import jobs
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.transaction import Tx
from domain.jobs import OPEN


class PlannedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that waits for the day `starts_on` to begin in `zone`."""

    tenant_id: UUID
    id: UUID
    starts_on: date
    zone: str


async def planned_until(tx: Tx, day: date) -> list[PlannedJob]:
    """Those of all organisations for `day` or before; of one day returns come first, then the oldest."""
    query = (
        sa.select(jobs.c.tenant_id, jobs.c.id, jobs.c.starts_on, organisations.c.time_zone)
        .join(organisations, organisations.c.tenant_id == jobs.c.tenant_id)
        .where(jobs.c.phase == "planned", jobs.c.starts_on <= day)
        .order_by(jobs.c.starts_on, jobs.c.return_of.is_(None), jobs.c.id)
    )
    rows = await tx.conn.execute(query)
    return [PlannedJob(tenant_id=row[0], id=row[1], starts_on=row[2], zone=row[3]) for row in rows]


async def zone(tx: Tx) -> str:
    """The organisation's time zone, an IANA name."""
    query = sa.select(organisations.c.time_zone).where(organisations.c.tenant_id == tx.tenant_id)
    return str((await tx.conn.execute(query)).scalar_one())


async def first_return(tx: Tx, *, until: date) -> UUID | None:
    """The organisation's oldest return that has not ended, of those that are due on `until` or before."""
    query = (
        sa.select(jobs.c.id)
        .where(jobs.c.tenant_id == tx.tenant_id, jobs.c.state.in_(OPEN))
        .where(jobs.c.return_of.is_not(None), jobs.c.starts_on <= until)
        .order_by(jobs.c.starts_on, jobs.c.id)
        .limit(1)
    )
    found: UUID | None = (await tx.conn.execute(query)).scalar_one_or_none()
    return found


async def open_return(tx: Tx, job_id: UUID) -> UUID | None:
    """The return of what the job has lent, while it has not ended."""
    query = sa.select(jobs.c.id).where(
        jobs.c.tenant_id == tx.tenant_id, jobs.c.return_of == job_id, jobs.c.state.in_(OPEN)
    )
    found: UUID | None = (await tx.conn.execute(query.limit(1))).scalar_one_or_none()
    return found

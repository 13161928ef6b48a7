"""What an assignment would do, before anybody does it."""

import sqlalchemy as sa

from adapters.postgres.tables.organisations import organisations
from domain.assignments import AssignmentRequest, Preview, checked, preview
from domain.shared.days import today
from queries._read import Read
from queries._selected_retailers import weigh


async def assignment_preview(read: Read, request: AssignmentRequest) -> Preview:
    """Loads and losses. Raises UnfitRequest, NothingSelected, UnknownRetailers, UnknownSrs."""
    zone = sa.select(organisations.c.time_zone, sa.func.now()).where(organisations.c.tenant_id == read.actor.tenant)
    async with read.connect() as conn:
        time_zone, now = (await conn.execute(zone)).one()
        request = checked(request, today=today(now, time_zone))
        return preview(request, await weigh(conn, read.actor.tenant, request))

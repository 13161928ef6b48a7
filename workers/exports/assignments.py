"""Files of assignments: each retailer that somebody has, and who."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.users import users
from domain.exports import ListFilter
from workers.exports.joins import belongs_to
from workers.exports.kinds import Column, Kind
from workers.exports.retailers import of_filter

# An alias: the conditions on retailers have subqueries of their own about assignments.
_held: Final = assignments.alias("held")
_OPEN: Final = sa.and_(
    _held.c.tenant_id == retailers.c.tenant_id, _held.c.retailer_id == retailers.c.id, _held.c.ended_at.is_(None)
)


async def _conditions(conn: AsyncConnection, tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    return [*await of_filter(conn, tenant_id, wanted), sa.exists().where(_OPEN).correlate(retailers)]


KIND: Final = Kind(
    name="assignments",
    columns=(Column("uid", retailers.c.uid, "key"), Column("sr_login", users.c.login)),
    table=retailers,
    source=retailers.join(_held, _OPEN).join(users, belongs_to(_held.c.sr_id, users)),
    order=(retailers.c.name, retailers.c.id),
    conditions=_conditions,
)

"""Files of regions."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.regions import regions
from domain.exports import ListFilter
from queries._matching import mentions
from workers.exports.kinds import Column, Kind


async def _conditions(_conn: AsyncConnection, _tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    return mentions(wanted.q, regions.c.name, regions.c.code)


KIND: Final = Kind(
    name="regions",
    columns=(Column("code", regions.c.code, "key"), Column("name", regions.c.name, "key")),
    table=regions,
    source=regions,
    order=(regions.c.name, regions.c.id),
    conditions=_conditions,
)

"""Files of areas, each with its region."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.regions import regions
from domain.exports import ListFilter
from queries._matching import mentions
from workers.exports.joins import belongs_to
from workers.exports.kinds import Column, Kind


async def _conditions(_conn: AsyncConnection, _tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    conditions = list(mentions(wanted.q, areas.c.name, areas.c.code))
    if wanted.region_id is not None:
        conditions.append(areas.c.region_id == wanted.region_id)
    return conditions


KIND: Final = Kind(
    name="areas",
    columns=(
        Column("region_code", regions.c.code, "key"),
        Column("region_name", regions.c.name, "key"),
        Column("area_code", areas.c.code, "key"),
        Column("area_name", areas.c.name, "key"),
    ),
    table=areas,
    source=areas.join(regions, belongs_to(areas.c.region_id, regions)),
    order=(areas.c.name, areas.c.id),
    conditions=_conditions,
)

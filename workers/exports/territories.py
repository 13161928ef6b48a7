"""Files of territories, each with its area and its region."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.regions import regions
from adapters.postgres.tables.territories import territories
from domain.exports import ListFilter
from queries._matching import mentions
from workers.exports.joins import belongs_to
from workers.exports.kinds import Column, Kind


async def _conditions(_conn: AsyncConnection, tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    conditions = list(mentions(wanted.q, territories.c.name, territories.c.code))
    if wanted.area_id is not None:
        conditions.append(territories.c.area_id == wanted.area_id)
    if wanted.region_id is not None:
        within = sa.select(areas.c.id).where(areas.c.tenant_id == tenant_id, areas.c.region_id == wanted.region_id)
        conditions.append(territories.c.area_id.in_(within))
    return conditions


KIND: Final = Kind(
    name="territories",
    columns=(
        Column("region_code", regions.c.code, "key"),
        Column("region_name", regions.c.name, "key"),
        Column("area_code", areas.c.code, "key"),
        Column("area_name", areas.c.name, "key"),
        Column("territory_code", territories.c.code, "key"),
        Column("territory_name", territories.c.name, "key"),
    ),
    table=territories,
    source=territories.join(areas, belongs_to(territories.c.area_id, areas)).join(
        regions, belongs_to(areas.c.region_id, regions)
    ),
    order=(territories.c.name, territories.c.id),
    conditions=_conditions,
)

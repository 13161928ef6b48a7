"""Files of retailers, with the columns that an import takes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.retailer_selection import all_of
from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.distributors import distributors
from adapters.postgres.tables.regions import regions
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.territories import territories
from domain.exports import ListFilter
from domain.retailers import ROUTE_SEPARATOR
from queries._matching import on_route, searched
from workers.exports.joins import belongs_to
from workers.exports.kinds import Column, Kind


async def of_filter(conn: AsyncConnection, tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    """What the filters of the list of retailers mean."""
    found = wanted.of_retailers()
    found = msgspec.structs.replace(found, q=searched(found.q, "q"), route=on_route(found.route))
    return await all_of(conn, tenant_id, found)


KIND: Final = Kind(
    name="retailers",
    columns=(
        Column("uid", retailers.c.uid, "key"),
        Column("name", retailers.c.name),
        Column("phone", retailers.c.phone, "phone"),
        Column("territory", territories.c.code),
        Column("distributor", distributors.c.code),
        Column("region", regions.c.code),
        Column("area", areas.c.code),
        Column("routes", sa.func.array_to_string(retailers.c.routes, ROUTE_SEPARATOR, type_=sa.Text)),
        Column("points", retailers.c.points, "whole"),
        Column("notes", retailers.c.notes),
        Column("lat", retailers.c.lat, "degrees"),
        Column("lng", retailers.c.lng, "degrees"),
        Column("active", retailers.c.active, "flag"),
    ),
    table=retailers,
    source=retailers.join(territories, belongs_to(retailers.c.territory_id, territories))
    .join(areas, belongs_to(territories.c.area_id, areas))
    .join(regions, belongs_to(areas.c.region_id, regions))
    .outerjoin(distributors, belongs_to(retailers.c.distributor_id, distributors)),
    order=(retailers.c.name, retailers.c.id),
    conditions=of_filter,
)

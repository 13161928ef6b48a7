"""Territories by name, and one territory, as the console shows them."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.territories import territories
from domain.shared.errors import NotFound
from domain.territories import Territory
from queries._matching import mentions
from queries._read import Page, PageRequest, Read, fetch_one, fetch_page

_TERRITORY = sa.select(
    territories.c.id, territories.c.code, territories.c.name, territories.c.version, territories.c.area_id
)


async def territory_list(
    read: Read, page: PageRequest, *, area_id: UUID | None, region_id: UUID | None, q: str | None
) -> Page[Territory]:
    """A page of the organisation's territories, or of one area's or region's; `q` is a part of name or code.

    Raises Malformed for a bad cursor.
    """
    query = _TERRITORY.where(
        territories.c.tenant_id == read.actor.tenant, *mentions(q, territories.c.name, territories.c.code)
    )
    if area_id is not None:
        query = query.where(territories.c.area_id == area_id)
    if region_id is not None:
        of_region = sa.select(areas.c.id).where(areas.c.tenant_id == read.actor.tenant, areas.c.region_id == region_id)
        query = query.where(territories.c.area_id.in_(of_region))
    async with read.connect() as conn:
        return await fetch_page(
            conn, query, page, into=Territory, name="territories", order=(territories.c.name, territories.c.id)
        )


async def territory(read: Read, territory_id: UUID) -> Territory:
    """One territory. Raises NotFound."""
    query = _TERRITORY.where(territories.c.tenant_id == read.actor.tenant, territories.c.id == territory_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=Territory)
    if found is None:
        message = f"There is no territory {territory_id}."
        raise NotFound(message)
    return found

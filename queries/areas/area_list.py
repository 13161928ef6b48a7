"""Areas by name, and one area, as the console shows them."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.areas import areas
from domain.areas import Area
from domain.shared.errors import NotFound
from queries._matching import mentions
from queries._read import Page, PageRequest, Read, fetch_one, fetch_page

_AREA = sa.select(areas.c.id, areas.c.code, areas.c.name, areas.c.version, areas.c.region_id)


async def area_list(read: Read, page: PageRequest, *, region_id: UUID | None, q: str | None) -> Page[Area]:
    """A page of the organisation's areas, or of one region's; `q` is a part of name or code.

    Raises Malformed for a bad cursor.
    """
    query = _AREA.where(areas.c.tenant_id == read.actor.tenant, *mentions(q, areas.c.name, areas.c.code))
    if region_id is not None:
        query = query.where(areas.c.region_id == region_id)
    async with read.connect() as conn:
        return await fetch_page(conn, query, page, into=Area, name="areas", order=(areas.c.name, areas.c.id))


async def area(read: Read, area_id: UUID) -> Area:
    """One area. Raises NotFound."""
    query = _AREA.where(areas.c.tenant_id == read.actor.tenant, areas.c.id == area_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=Area)
    if found is None:
        message = f"There is no area {area_id}."
        raise NotFound(message)
    return found

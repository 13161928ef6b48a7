"""Regions by name, and one region, as the console shows them."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.regions import regions
from domain.regions import Region
from domain.shared.errors import NotFound
from queries._matching import mentions
from queries._read import Page, PageRequest, Read, fetch_one, fetch_page

_REGION = sa.select(regions.c.id, regions.c.code, regions.c.name, regions.c.version)


async def region_list(read: Read, page: PageRequest, *, q: str | None) -> Page[Region]:
    """A page of the organisation's regions; `q` is a part of name or code. Raises Malformed for a bad cursor."""
    query = _REGION.where(regions.c.tenant_id == read.actor.tenant, *mentions(q, regions.c.name, regions.c.code))
    async with read.connect() as conn:
        return await fetch_page(conn, query, page, into=Region, name="regions", order=(regions.c.name, regions.c.id))


async def region(read: Read, region_id: UUID) -> Region:
    """One region. Raises NotFound."""
    query = _REGION.where(regions.c.tenant_id == read.actor.tenant, regions.c.id == region_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=Region)
    if found is None:
        message = f"There is no region {region_id}."
        raise NotFound(message)
    return found

"""Distributors by name, and one distributor, as the console shows them."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.distributors import distributors
from domain.distributors import Distributor
from domain.shared.errors import NotFound
from queries._matching import mentions
from queries._read import Page, PageRequest, Read, fetch_one, fetch_page

_DISTRIBUTOR = sa.select(distributors.c.id, distributors.c.code, distributors.c.name, distributors.c.version)


async def distributor_list(read: Read, page: PageRequest, *, q: str | None) -> Page[Distributor]:
    """A page of the organisation's distributors; `q` is a part of name or code. Raises Malformed for a bad cursor."""
    query = _DISTRIBUTOR.where(
        distributors.c.tenant_id == read.actor.tenant, *mentions(q, distributors.c.name, distributors.c.code)
    )
    async with read.connect() as conn:
        return await fetch_page(
            conn, query, page, into=Distributor, name="distributors", order=(distributors.c.name, distributors.c.id)
        )


async def distributor(read: Read, distributor_id: UUID) -> Distributor:
    """One distributor. Raises NotFound."""
    query = _DISTRIBUTOR.where(distributors.c.tenant_id == read.actor.tenant, distributors.c.id == distributor_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=Distributor)
    if found is None:
        message = f"There is no distributor {distributor_id}."
        raise NotFound(message)
    return found

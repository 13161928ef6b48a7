"""Retailers as the console lists them, by name, and one of them."""

from typing import Final
from uuid import UUID

import msgspec

from adapters.postgres.retailer_details import read_details
from adapters.postgres.retailer_selection import count_up_to, found_keys, is_searched, next_keys
from domain.retailers import RetailerDetails, RetailerFilter
from domain.shared.errors import NotFound
from queries._matching import on_route, searched
from queries._read import Page, PageRequest, Position, Read, parse_cursor, write_cursor

_LIST: Final = "retailers"
# Counting is what makes a list of a million slow: beyond these a count says "at least".
COUNTED: Final = 1_000


async def retailer_list(read: Read, page: PageRequest, wanted: RetailerFilter) -> Page[RetailerDetails]:
    """A page of the filter's retailers; the first page also counts them, up to a limit.

    Unknown ids in the filter find nothing. Raises Malformed for a bad cursor and for a text that cannot occur.
    """
    wanted = msgspec.structs.replace(wanted, q=searched(wanted.q, "q"), route=on_route(wanted.route))
    position = None if page.cursor is None else parse_cursor(page.cursor, _LIST)
    after = None if position is None else (position.value, position.id)
    tenant_id = read.actor.tenant
    async with read.connect() as conn:
        if page.cursor is None and is_searched(wanted):
            keys = await found_keys(conn, tenant_id, wanted, after=None, limit=page.limit + 1, up_to=COUNTED + 1)
            counted = len(keys)
        else:
            keys = await next_keys(conn, tenant_id, wanted, after=after, limit=page.limit + 1)
            counted = len(keys)
            if page.cursor is None and len(keys) > page.limit:
                counted = await count_up_to(conn, tenant_id, wanted, limit=COUNTED + 1)
        shown = keys[: page.limit]
        items = await read_details(conn, tenant_id, [row_id for _, row_id in shown])
    found = Page(items, write_cursor(Position(_LIST, *shown[-1])) if len(keys) > page.limit else None)
    if page.cursor is not None:
        return found
    return msgspec.structs.replace(
        found, count=min(counted, COUNTED), count_is="exact" if counted <= COUNTED else "at_least"
    )


async def retailer(read: Read, retailer_id: UUID) -> RetailerDetails:
    """One retailer. Raises NotFound, for a deleted one too."""
    async with read.connect() as conn:
        found = await read_details(conn, read.actor.tenant, [retailer_id])
    if not found:
        message = f"There is no retailer {retailer_id}."
        raise NotFound(message)
    return found[0]

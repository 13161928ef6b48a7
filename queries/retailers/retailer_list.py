"""Retailers as the console lists them, by name, and one of them."""

from typing import Final
from uuid import UUID

import msgspec

from adapters.postgres.retailer_details import read_details
from adapters.postgres.retailer_selection import count_up_to, is_searched, next_keys
from domain.retailers import RetailerDetails, RetailerFilter
from domain.shared.errors import NotFound
from queries._matching import searched
from queries._read import Page, PageRequest, Position, Read, parse_cursor, write_cursor

_LIST: Final = "retailers"
# Counting is what makes a list of a million slow: beyond these a count says "at least".
COUNTED: Final = 10_000
COUNTED_IN_SEARCHES: Final = 1_000


async def retailer_list(read: Read, page: PageRequest, wanted: RetailerFilter) -> Page[RetailerDetails]:
    """A page of the filter's retailers; the first page also counts them, up to a limit.

    Unknown ids in the filter find nothing. Raises Malformed for a bad cursor and for a text that cannot occur.
    """
    wanted = msgspec.structs.replace(wanted, q=searched(wanted.q, "q"), route=searched(wanted.route, "route"))
    position = None if page.cursor is None else parse_cursor(page.cursor, _LIST)
    after = None if position is None else (position.value, position.id)
    tenant_id = read.actor.tenant
    async with read.connect() as conn:
        keys = await next_keys(conn, tenant_id, wanted, after=after, limit=page.limit + 1)
        more = len(keys) > page.limit
        keys = keys[: page.limit]
        items = await read_details(conn, tenant_id, [row_id for _, row_id in keys])
        found = Page(items, write_cursor(Position(_LIST, *keys[-1])) if more else None)
        if page.cursor is not None:
            return found
        if not more:
            return msgspec.structs.replace(found, count=len(keys), count_is="exact")
        most = COUNTED_IN_SEARCHES if is_searched(wanted) else COUNTED
        counted = await count_up_to(conn, tenant_id, wanted, limit=most + 1)
    return msgspec.structs.replace(found, count=min(counted, most), count_is="exact" if counted <= most else "at_least")


async def retailer(read: Read, retailer_id: UUID) -> RetailerDetails:
    """One retailer. Raises NotFound, for a deleted one too."""
    async with read.connect() as conn:
        found = await read_details(conn, read.actor.tenant, [retailer_id])
    if not found:
        message = f"There is no retailer {retailer_id}."
        raise NotFound(message)
    return found[0]

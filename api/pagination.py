"""The `limit` and `cursor` of every list."""

from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

from queries._read import DEFAULT_LIMIT, MAX_LIMIT, PageRequest

Limit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=MAX_LIMIT, description=f"At most so many items, 1 to {MAX_LIMIT}.")
]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(max_length=2000, description="`next_cursor` of the page before; leave out for the first page."),
]
Search: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=200, description="Only what contains this text in its name or code.")
]


def page_request(limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> PageRequest:
    """The page that the query parameters ask for."""
    return PageRequest(limit=limit, cursor=cursor or None)

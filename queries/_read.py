"""How every query reads: one statement, straight into a Struct, in keyset pages."""

import base64
import binascii
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.transaction import reading
from domain.shared.actor import Actor
from domain.shared.errors import Malformed

T = TypeVar("T")

MAX_LIMIT = 100
DEFAULT_LIMIT = 20


class Page(msgspec.Struct, Generic[T], frozen=True, omit_defaults=True):
    """A page of a list; `next_cursor` is null on the last one.

    `count` is there for lists that can count; `count_is` says how (`exact`, `estimate`, `at_least`).
    """

    items: Sequence[T]
    next_cursor: str | None
    count: int | msgspec.UnsetType = msgspec.UNSET
    count_is: str | msgspec.UnsetType = msgspec.UNSET


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which page the caller wants: at most `limit` items after `cursor`."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Reading on behalf of one actor."""

    engine: AsyncEngine
    actor: Actor

    def connect(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-only connection that sees the actor's rows only."""
        return reading(self.engine, self.actor)


class Position(msgspec.Struct, array_like=True, frozen=True):
    """What a cursor holds: the list it belongs to, the sort value and the id of the last item sent."""

    list_name: str
    value: str
    id: UUID


async def fetch_page(
    conn: AsyncConnection,
    query: sa.Select[Any],
    page: PageRequest,
    *,
    into: type[T],
    name: str,
    order: tuple[sa.ColumnElement[str], sa.ColumnElement[UUID]],
    newest_first: bool = False,
) -> Page[T]:
    """The page of `query` in the order (text, id); rows are converted to `into` by their labels.

    `name` ties the cursor to the list. Raises Malformed for a cursor that is none, or another list's.
    """
    text_column, id_column = order
    key = sa.tuple_(text_column, id_column)
    if page.cursor is not None:
        position = parse_cursor(page.cursor, name)
        after = sa.tuple_(
            sa.literal(position.value, type_=text_column.type), sa.literal(position.id, type_=id_column.type)
        )
        query = query.where(key < after if newest_first else key > after)
    direction = sa.desc if newest_first else sa.asc
    query = query.add_columns(text_column.label("_value"), id_column.label("_id"))
    query = query.order_by(direction(text_column), direction(id_column)).limit(page.limit + 1)
    rows = (await conn.execute(query)).mappings().all()
    items = [msgspec.convert({str(k): v for k, v in row.items() if k not in {"_value", "_id"}}, into) for row in rows]
    if len(rows) <= page.limit:
        return Page(items, None)
    last = rows[page.limit - 1]
    return Page(items[: page.limit], write_cursor(Position(name, str(last["_value"]), last["_id"])))


async def fetch_one(conn: AsyncConnection, query: sa.Select[Any], *, into: type[T]) -> T | None:
    """The only row of `query` as `into`, or None."""
    row = (await conn.execute(query)).mappings().one_or_none()
    return None if row is None else msgspec.convert({str(k): v for k, v in row.items()}, into)


def write_cursor(position: Position) -> str:
    """The cursor that continues after `position`."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).rstrip(b"=").decode()


def parse_cursor(cursor: str, name: str) -> Position:
    """Where the cursor continues. Raises Malformed when it is none, or one of another list than `name`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.msgpack.decode(raw, type=Position)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        position = None
    if position is None or position.list_name != name or "\0" in position.value:
        message = "This cursor is not one of this list. Start again without a cursor."
        raise Malformed(message)
    return position

"""What one kind of export consists of: its columns, where they come from, and what its filters mean."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.exports import ListFilter, ListName
from workers.exports.cells import decimal, guarded, guarded_phone, left_alone

Conditions = Callable[[AsyncConnection, UUID, ListFilter], Awaitable[Sequence[sa.ColumnElement[bool]]]]


@dataclass(frozen=True)
class Column:
    """One column of the file; `holds` says how a cell is written.

    `key` is a text that every row has, `text` any other, `phone` E.164, `number` and `flag` need no care.
    """

    name: str
    source: sa.ColumnElement[Any]
    holds: Literal["key", "text", "phone", "whole", "degrees", "flag"] = "text"

    @property
    def is_number(self) -> bool:
        """Whether a workbook holds it as a number; degrees have more digits than spreadsheets keep."""
        return self.holds == "whole"

    def cell(self) -> sa.ColumnElement[Any]:
        """The cell as it stands in the file."""
        match self.holds:
            case "key":
                return guarded(self.source)
            case "text":
                return guarded(left_alone(self.source))
            case "phone":
                return guarded_phone(self.source)
            case "degrees":
                return decimal(self.source)
            case "flag":
                return self.source.cast(sa.Text)
            case _:
                return self.source


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of export, as it is declared in one module of this folder.

    The file has a line for each row of `table` that meets the `conditions`; `source` joins to it, one to one, what
    its columns need. An import of the same name takes the file back and leaves every row as it is.
    """

    name: ListName
    columns: tuple[Column, ...]
    table: sa.Table
    source: sa.FromClause
    order: tuple[sa.ColumnElement[Any], ...]
    conditions: Conditions

    async def lines(self, conn: AsyncConnection, tenant_id: UUID, wanted: ListFilter) -> sa.Select[Any]:
        """The cells, in the order of the list."""
        cells = (column.cell().label(column.name) for column in self.columns)
        conditions = await self.conditions(conn, tenant_id, wanted)
        query = sa.select(*cells).select_from(self.source)
        return query.where(self.table.c.tenant_id == tenant_id, *conditions).order_by(*self.order)

    async def counted(self, conn: AsyncConnection, tenant_id: UUID, wanted: ListFilter) -> int:
        """How many lines there are now."""
        conditions = await self.conditions(conn, tenant_id, wanted)
        query = sa.select(sa.func.count()).select_from(self.table)
        found = await conn.execute(query.where(self.table.c.tenant_id == tenant_id, *conditions))
        count: int = found.scalar_one()
        return count

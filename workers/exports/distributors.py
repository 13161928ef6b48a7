"""Files of distributors."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.distributors import distributors
from domain.exports import ListFilter
from queries._matching import mentions
from workers.exports.kinds import Column, Kind


async def _conditions(_conn: AsyncConnection, _tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    return mentions(wanted.q, distributors.c.name, distributors.c.code)


KIND: Final = Kind(
    name="distributors",
    columns=(Column("code", distributors.c.code, "key"), Column("name", distributors.c.name, "key")),
    table=distributors,
    source=distributors,
    order=(distributors.c.name, distributors.c.id),
    conditions=_conditions,
)

"""Files of users: who may log in, and as what."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.users import users
from domain.exports import ListFilter
from queries._matching import mentions
from workers.exports.kinds import Column, Kind


async def _conditions(_conn: AsyncConnection, _tenant_id: UUID, wanted: ListFilter) -> Sequence[sa.ColumnElement[bool]]:
    conditions = [users.c.deleted_at.is_(None), *mentions(wanted.q, users.c.name, users.c.login)]
    if wanted.role is not None:
        conditions.append(users.c.role == wanted.role.value)
    if wanted.active is not None:
        conditions.append(users.c.active == wanted.active)
    return conditions


KIND: Final = Kind(
    name="users",
    columns=(
        Column("login", users.c.login, "key"),
        Column("name", users.c.name),
        Column("role", users.c.role, "key"),
    ),
    table=users,
    source=users,
    order=(users.c.name, users.c.id),
    conditions=_conditions,
)

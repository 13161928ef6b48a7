"""What the rows of an import file may refer to, as tables to look names and codes up in."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.distributors import distributors
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.regions import regions
from adapters.postgres.tables.territories import territories
from adapters.postgres.tables.users import users
from workers.imports.kinds import Setting


class _List(NamedTuple):
    """A list to look something up in: the columns of its table, all text, and the query that fills them."""

    columns: tuple[str, ...]
    query: Callable[[UUID], sa.Select[Any]]


async def setting_of(conn: AsyncConnection, tenant_id: UUID, lists: Sequence[str]) -> Setting:
    """The organisation's country and the named ones of `LISTS`."""
    country = sa.select(organisations.c.country).where(organisations.c.tenant_id == tenant_id)
    return Setting(
        country=(await conn.execute(country)).scalar_one(),
        lookups={name: await _table(conn, LISTS[name].query(tenant_id), LISTS[name].columns) for name in lists},
    )


def _territories(tenant_id: UUID) -> sa.Select[Any]:
    return (
        sa.select(
            sa.cast(territories.c.id, sa.Text),
            territories.c.code,
            territories.c.name,
            areas.c.code,
            areas.c.name,
            regions.c.code,
            regions.c.name,
        )
        .join(areas, (areas.c.tenant_id == tenant_id) & (areas.c.id == territories.c.area_id))
        .join(regions, (regions.c.tenant_id == tenant_id) & (regions.c.id == areas.c.region_id))
        .where(territories.c.tenant_id == tenant_id)
        .order_by(territories.c.id)
    )


def _distributors(tenant_id: UUID) -> sa.Select[Any]:
    return (
        sa.select(sa.cast(distributors.c.id, sa.Text), distributors.c.code, distributors.c.name)
        .where(distributors.c.tenant_id == tenant_id)
        .order_by(distributors.c.id)
    )


async def _table(conn: AsyncConnection, query: sa.Select[Any], columns: tuple[str, ...]) -> pl.DataFrame:
    rows = [tuple(row) for row in await conn.execute(query)]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _users(tenant_id: UUID) -> sa.Select[Any]:
    return (
        sa.select(sa.cast(users.c.id, sa.Text), users.c.login, users.c.role, sa.cast(users.c.active, sa.Text))
        .where(users.c.tenant_id == tenant_id, users.c.deleted_at.is_(None))
        .order_by(users.c.id)
    )


LISTS: Final[Mapping[str, _List]] = MappingProxyType(
    {
        "territories": _List(
            ("id", "code", "name", "area_code", "area_name", "region_code", "region_name"), _territories
        ),
        "distributors": _List(("id", "code", "name"), _distributors),
        "users": _List(("id", "login", "role", "active"), _users),
    }
)

"""Retailers with the names of all they refer to: one SELECT for lists, single reads and the answers of commands."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.distributors import distributors
from adapters.postgres.tables.regions import regions
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.territories import territories
from adapters.postgres.tables.users import users
from domain.retailers import RetailerDetails


def _object(table: sa.Table, *columns: str) -> sa.ColumnElement[object]:
    members: list[sa.ColumnElement[Any]] = []
    for name in columns:
        members += [sa.literal_column(f"'{name}'"), table.c[name]]
    return sa.func.jsonb_build_object(*members, type_=postgresql.JSONB)


def _reference(table: sa.Table) -> sa.ColumnElement[object]:
    return _object(table, "id", "code", "name")


def _or_null(table: sa.Table, found: sa.ColumnElement[object]) -> sa.ColumnElement[object]:
    return sa.case((table.c.id.is_not(None), found), else_=None)


_PLAIN = ("id", "uid", "name", "phone", "routes", "points", "notes", "lat", "lng", "active", "version", "updated_at")
_DETAILS = (
    sa.select(
        *(retailers.c[name] for name in _PLAIN),
        _reference(regions).label("region"),
        _reference(areas).label("area"),
        _reference(territories).label("territory"),
        _or_null(distributors, _reference(distributors)).label("distributor"),
        _or_null(users, _object(users, "id", "name", "login")).label("sr"),
    )
    .select_from(retailers)
    .join(
        territories,
        sa.and_(territories.c.tenant_id == retailers.c.tenant_id, territories.c.id == retailers.c.territory_id),
    )
    .join(areas, sa.and_(areas.c.tenant_id == territories.c.tenant_id, areas.c.id == territories.c.area_id))
    .join(regions, sa.and_(regions.c.tenant_id == areas.c.tenant_id, regions.c.id == areas.c.region_id))
    .outerjoin(
        distributors,
        sa.and_(distributors.c.tenant_id == retailers.c.tenant_id, distributors.c.id == retailers.c.distributor_id),
    )
    .outerjoin(
        assignments,
        sa.and_(
            assignments.c.tenant_id == retailers.c.tenant_id,
            assignments.c.retailer_id == retailers.c.id,
            assignments.c.ended_at.is_(None),
        ),
    )
    .outerjoin(users, sa.and_(users.c.tenant_id == assignments.c.tenant_id, users.c.id == assignments.c.sr_id))
    .where(retailers.c.deleted_at.is_(None))
    .order_by(retailers.c.name, retailers.c.id)
)


async def read_details(conn: AsyncConnection, tenant_id: UUID, ids: Collection[UUID]) -> list[RetailerDetails]:
    """Those of the retailers that are there, by name and id."""
    query = _DETAILS.where(retailers.c.tenant_id == tenant_id, retailers.c.id == sa.any_(sa.literal(list(ids), _UUIDS)))
    rows = (await conn.execute(query)).mappings()
    return [msgspec.convert({str(name): value for name, value in row.items()}, RetailerDetails) for row in rows]


_UUIDS: postgresql.ARRAY[UUID] = postgresql.ARRAY(sa.Uuid())

"""Which retailers a filter means: as conditions, as a count, and as the next page of a list by name and id."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.territories import territories
from domain.retailers import RetailerFilter

_UUIDS: postgresql.ARRAY[UUID] = postgresql.ARRAY(sa.Uuid())

Key = tuple[str, UUID]
_Columns: TypeAlias = ReadOnlyColumnCollection[str, Any]

_ANY: Final = RetailerFilter()
_MANY_TERRITORIES: Final = 50
_WALKED: Final = 5_000


def is_searched(wanted: RetailerFilter) -> bool:
    """Whether the filter is one for `haat_search_retailers`: rare matches would have to be sought one by one."""
    return wanted.q is not None or wanted.route is not None or wanted.assigned is False


async def territories_of(conn: AsyncConnection, tenant_id: UUID, wanted: RetailerFilter) -> list[UUID] | None:
    """The territories that region, area and territory of the filter leave; None when it names none of them."""
    if wanted.region_id is None and wanted.area_id is None and wanted.territory_id is None:
        return None
    query = (
        sa.select(territories.c.id)
        .join(areas, sa.and_(areas.c.tenant_id == territories.c.tenant_id, areas.c.id == territories.c.area_id))
        .where(territories.c.tenant_id == tenant_id)
    )
    for column, value in (
        (areas.c.region_id, wanted.region_id),
        (areas.c.id, wanted.area_id),
        (territories.c.id, wanted.territory_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return list((await conn.execute(query)).scalars())


async def next_keys(
    conn: AsyncConnection, tenant_id: UUID, wanted: RetailerFilter, *, after: Key | None, limit: int
) -> Sequence[Key]:
    """At most `limit` (name, id) of the filter's retailers behind `after`, in that order."""
    if is_searched(wanted):
        return await found_keys(conn, tenant_id, wanted, after=after, limit=limit, up_to=limit)
    within = await territories_of(conn, tenant_id, wanted)
    if within is not None and not within:
        return []
    query = _in_order(retailers.c, after, limit).where(*_conditions(tenant_id, wanted, within))
    if within is None or wanted.sr_id is not None or wanted.distributor_id is not None or wanted.active is False:
        return await _keys(conn, query)
    if len(within) > _MANY_TERRITORIES:
        # So many have a good share of all retailers, as a rule: a page is full before long.
        keys = await _keys(conn, _walked(tenant_id, wanted, within, after=after, limit=limit))
        if len(keys) == limit:
            return keys
    return await _keys(conn, _by_territory(tenant_id, wanted, within, after=after, limit=limit))


async def found_keys(
    conn: AsyncConnection, tenant_id: UUID, wanted: RetailerFilter, *, after: Key | None, limit: int, up_to: int
) -> Sequence[Key]:
    """At most `up_to` (name, id) that a search finds behind `after`; the first `limit` are the first of the list.

    The others are there to be counted: finding them together costs less than finding them again.
    """
    within = await territories_of(conn, tenant_id, wanted)
    if within is not None and not within:
        return []
    query = (
        _searched(wanted, within, after=after, in_order=limit, limit=up_to)
        .distinct()
        .order_by("name", "id")
        .limit(up_to)
    )
    return await _keys(conn, query)


async def count_up_to(conn: AsyncConnection, tenant_id: UUID, wanted: RetailerFilter, *, limit: int) -> int:
    """How many retailers a filter without a search means, counted no further than `limit`."""
    within = await territories_of(conn, tenant_id, wanted)
    # In order, the few inactive ones have an index of their own.
    found = sa.select(retailers.c.id) if wanted.active is not False else _in_order(retailers.c, None, limit)
    found = found.where(*_conditions(tenant_id, wanted, within)).limit(limit)
    counted: int = (await conn.execute(sa.select(sa.func.count()).select_from(found.subquery()))).scalar_one()
    return counted


async def all_of(conn: AsyncConnection, tenant_id: UUID, wanted: RetailerFilter) -> list[sa.ColumnElement[bool]]:
    """Conditions on `retailers` that hold for all of the filter's retailers, however many."""
    within = await territories_of(conn, tenant_id, wanted)
    conditions = _conditions(tenant_id, wanted, within)
    if wanted.q is not None or wanted.route is not None:
        found = _searched(wanted, within).subquery()
        conditions.append(retailers.c.id.in_(sa.select(found.c.id)))
    return conditions


async def _keys(conn: AsyncConnection, query: sa.Select[Any]) -> Sequence[Key]:
    return [(row.name, row.id) for row in await conn.execute(query)]


def _conditions(
    tenant_id: UUID, wanted: RetailerFilter, within: Sequence[UUID] | None, of: _Columns = retailers.c
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [of.tenant_id == tenant_id, of.deleted_at.is_(None)]
    held = sa.select(assignments.c.retailer_id).where(
        assignments.c.tenant_id == tenant_id, assignments.c.ended_at.is_(None)
    )
    if within is not None:
        found.append(of.territory_id == sa.any_(_given(list(within), _UUIDS)))
    if wanted.distributor_id is not None:
        found.append(of.distributor_id == wanted.distributor_id)
    if wanted.sr_id is not None:
        found.append(of.id.in_(held.where(assignments.c.sr_id == wanted.sr_id)))
    if wanted.assigned is not None:
        holding = held.where(assignments.c.retailer_id == of.id).exists()
        found.append(holding if wanted.assigned else ~holding)
    if wanted.active is not None:
        found.append(of.active if wanted.active else ~of.active)
    return found


def _walked(
    tenant_id: UUID, wanted: RetailerFilter, within: Sequence[UUID], *, after: Key | None, limit: int
) -> sa.Select[Any]:
    # Those of the filter among the next of the whole list.
    walk = _behind(sa.select(retailers), retailers.c, after, _WALKED)
    nearest = walk.where(*_conditions(tenant_id, _ANY, None)).subquery("nearest")
    return _in_order(nearest.c, None, limit).where(*_conditions(tenant_id, wanted, within, nearest.c))


def _by_territory(
    tenant_id: UUID, wanted: RetailerFilter, within: Sequence[UUID], *, after: Key | None, limit: int
) -> sa.Select[Any]:
    # Each territory's part of the index is in order already: a page of each, and the first of all these.
    each = sa.func.unnest(sa.literal(list(within), _UUIDS))
    territory = each.table_valued(sa.column("id", sa.Uuid), name="territory").render_derived()
    first = _in_order(retailers.c, after, limit).where(
        *_conditions(tenant_id, wanted, None), retailers.c.territory_id == territory.c.id
    )
    page = first.lateral("page")
    return (
        sa.select(page.c.name, page.c.id)
        .select_from(territory)
        .join(page, sa.true())
        .order_by("name", "id")
        .limit(limit)
    )


def _searched(
    wanted: RetailerFilter,
    within: Sequence[UUID] | None,
    *,
    after: Key | None = None,
    in_order: int | None = None,
    limit: int | None = None,
) -> sa.Select[Any]:
    name, row_id = after or (None, None)
    found = sa.func.haat_search_retailers(
        _given(wanted.q, sa.Text),
        _given(wanted.route, sa.Text),
        _given(within, _UUIDS),
        _given(wanted.distributor_id, sa.Uuid),
        _given(wanted.sr_id, sa.Uuid),
        _given(wanted.assigned, sa.Boolean),
        _given(wanted.active, sa.Boolean),
        _given(name, sa.Text),
        _given(row_id, sa.Uuid),
        _given(limit, sa.Integer),
        _given(in_order, sa.Integer),
    ).table_valued(sa.column("id", sa.Uuid), sa.column("name", sa.Text), name="found")
    return sa.select(found.c.name, found.c.id)


def _given(value: object, kind: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]]) -> sa.ColumnElement[Any]:
    """A value that may also be written into a text, as COPY needs it, where arrays and NULLs have to say their type."""
    return sa.cast(sa.null() if value is None else sa.literal(value, kind), kind)


def _in_order(of: _Columns, after: Key | None, limit: int) -> sa.Select[Any]:
    return _behind(sa.select(of.name, of.id), of, after, limit)


def _behind(query: sa.Select[Any], of: _Columns, after: Key | None, limit: int) -> sa.Select[Any]:
    if after is not None:
        query = query.where(
            sa.tuple_(of.name, of.id) > sa.tuple_(sa.literal(after[0], sa.Text), sa.literal(after[1], sa.Uuid))
        )
    return query.order_by(of.name, of.id).limit(limit)

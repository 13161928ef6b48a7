"""Selections of retailers, and what weighs in when they are to be assigned: how many, and who holds them now."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.retailer_selection import all_of
from adapters.postgres.statistics import mind_statistics
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.territories import territories
from adapters.postgres.tables.users import users
from domain.assignments import (
    AssignmentRequest,
    Expect,
    NothingSelected,
    Selection,
    UnknownRetailers,
    UnknownSrs,
    Weighed,
    digest,
)
from domain.shared.errors import Fault
from queries._matching import on_route, searched

_SHOWN: Final = 20
_NOBODY: Final = UUID(int=0)


async def selected(conn: AsyncConnection, tenant_id: UUID, select: Selection) -> sa.Select[Any]:
    """The live retailers of a selection: retailer_id, sr_id of the holder, territory code, name, and two hashes."""
    await mind_statistics(conn, tenant_id, ["retailers", "assignments"])
    # An alias: the conditions have subqueries of their own about assignments.
    held = assignments.alias("held")
    holder = sa.func.uuid_hash_extended(sa.func.coalesce(held.c.sr_id, _NOBODY), sa.literal(7, sa.BigInteger))
    return (
        sa.select(
            retailers.c.id.label("retailer_id"),
            held.c.sr_id,
            territories.c.code,
            retailers.c.name,
            sa.func.uuid_hash_extended(retailers.c.id, holder).label("hash_a"),
            sa.func.uuid_hash_extended(retailers.c.id, holder.op("#")(1)).label("hash_b"),
        )
        .select_from(
            retailers.join(
                territories,
                (territories.c.tenant_id == retailers.c.tenant_id) & (territories.c.id == retailers.c.territory_id),
            ).outerjoin(
                held,
                (held.c.tenant_id == retailers.c.tenant_id)
                & (held.c.retailer_id == retailers.c.id)
                & held.c.ended_at.is_(None),
            )
        )
        .where(*await _conditions(conn, tenant_id, select))
    )


async def weigh(conn: AsyncConnection, tenant_id: UUID, request: AssignmentRequest) -> Weighed:
    """The selection as it is now. Raises NothingSelected, UnknownRetailers, UnknownSrs."""
    await check_targets(conn, tenant_id, request.to or ())
    rows = (await selected(conn, tenant_id, request.select)).subquery()
    by_holder = sa.select(
        rows.c.sr_id,
        sa.func.count(),
        sa.func.bit_xor(rows.c.hash_a),
        sa.func.sum(rows.c.hash_b),
    ).group_by(rows.c.sr_id)
    held: dict[UUID | None, int] = {}
    exclusive_or = total = 0
    for sr_id, count, one, other in await conn.execute(by_holder):
        held[sr_id] = count
        exclusive_or ^= one
        total += int(other)
    count = sum(held.values())
    await _check_named(conn, tenant_id, request.select, count)
    if count == 0:
        message = "The selection holds no retailer. Choose other retailers, or take a condition away."
        raise NothingSelected(message)
    elsewhere = await elsewhere_held(conn, tenant_id, request.to or (), held)
    return Weighed(Expect(count=count, digest=digest(count, exclusive_or, total)), held, elsewhere)


async def elsewhere_held(
    conn: AsyncConnection, tenant_id: UUID, targets: Sequence[UUID], held: Mapping[UUID | None, int]
) -> dict[UUID, int]:
    """How many retailers each of `targets` holds beside those of the selection, of which it holds `held`."""
    query = (
        sa.select(assignments.c.sr_id, sa.func.count())
        .where(assignments.c.tenant_id == tenant_id, assignments.c.ended_at.is_(None))
        .where(assignments.c.sr_id == sa.any_(_array(targets, sa.Uuid())))
        .group_by(assignments.c.sr_id)
    )
    return {sr_id: max(0, count - held.get(sr_id, 0)) for sr_id, count in await conn.execute(query)}


async def check_targets(conn: AsyncConnection, tenant_id: UUID, targets: Sequence[UUID]) -> None:
    """Raises UnknownSrs when one of `targets` is no active SR of the organisation."""
    query = sa.select(users.c.id).where(
        users.c.tenant_id == tenant_id,
        users.c.id == sa.any_(_array(targets, sa.Uuid())),
        users.c.role == "sr",
        users.c.active,
        users.c.deleted_at.is_(None),
    )
    found = set((await conn.execute(query)).scalars()) if targets else set()
    if missing := [sr_id for sr_id in targets if sr_id not in found]:
        message = f"{_named(missing)}: not an active SR of this organisation."
        faults = [Fault("/to/sr_ids", "unknown_sr", f"{sr_id} is no active SR.") for sr_id in missing[:_SHOWN]]
        raise UnknownSrs(message, faults=faults)


async def _check_named(conn: AsyncConnection, tenant_id: UUID, select: Selection, count: int) -> None:
    named: Sequence[object] = select.retailer_ids or select.retailer_uids or ()
    if count == len(named) or not named:
        return
    column = retailers.c.id if select.retailer_ids else retailers.c.uid
    query = sa.select(column).where(*await _conditions(conn, tenant_id, select))
    found: set[object] = set((await conn.execute(query)).scalars())
    missing = [one for one in named if one not in found]
    place = "retailer_ids" if select.retailer_ids else "retailer_uids"
    faults = [Fault(f"/select/{place}", "unknown_retailer", f"There is no retailer {one}.") for one in missing[:_SHOWN]]
    message = f"There is no retailer {_named(missing)} in this organisation."
    raise UnknownRetailers(message, faults=faults)


async def _conditions(conn: AsyncConnection, tenant_id: UUID, select: Selection) -> list[sa.ColumnElement[bool]]:
    live = [retailers.c.tenant_id == tenant_id, retailers.c.deleted_at.is_(None)]
    if select.retailer_ids is not None:
        return [*live, retailers.c.id == sa.any_(_array(select.retailer_ids, sa.Uuid()))]
    if select.retailer_uids is not None:
        return [*live, retailers.c.uid == sa.any_(_array(select.retailer_uids, sa.Text()))]
    if select.filter is None:
        return live
    wanted = msgspec.structs.replace(
        select.filter, q=searched(select.filter.q, "q"), route=on_route(select.filter.route)
    )
    return await all_of(conn, tenant_id, wanted)


def _array(values: Sequence[object], kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    return sa.literal(list(values), postgresql.ARRAY(kind))


def _named(missing: Sequence[object]) -> str:
    text = ", ".join(str(one) for one in missing[:_SHOWN])
    return text if len(missing) <= _SHOWN else f"{text} and {len(missing) - _SHOWN} more"

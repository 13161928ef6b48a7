"""Who had a retailer when, latest first."""

from datetime import date, datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.users import users
from domain.retailers import Holder
from domain.shared.days import begins_at, ends_at
from domain.shared.errors import NotFound
from queries._read import Page, PageRequest, Read, fetch_page


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which an SR had the retailer; `ended_at` is null while they have it."""

    sr: Holder
    started_at: datetime
    ended_at: datetime | None


_SR = sa.func.jsonb_build_object(
    "id", users.c.id, "name", users.c.name, "login", users.c.login, type_=postgresql.JSONB
)  # fmt: skip
# Text that sorts as the instants do, since a cursor holds text.
_BEGAN = sa.func.to_char(sa.func.timezone("UTC", assignments.c.started_at), 'YYYYYY-MM-DD"T"HH24:MI:SS.US')


async def assignment_history(read: Read, page: PageRequest, retailer_id: UUID, *, on: date | None) -> Page[Held]:
    """A page of the retailer's holders; `on`: those who had it at some time of that day, by the organisation's clocks.

    Deleted retailers keep their history. Raises NotFound, Malformed for a bad cursor.
    """
    tenant_id = read.actor.tenant
    query = (
        sa.select(_SR.label("sr"), assignments.c.started_at, assignments.c.ended_at)
        .join(users, sa.and_(users.c.tenant_id == assignments.c.tenant_id, users.c.id == assignments.c.sr_id))
        .where(assignments.c.tenant_id == tenant_id, assignments.c.retailer_id == retailer_id)
    )
    known = sa.select(retailers.c.id).where(retailers.c.tenant_id == tenant_id, retailers.c.id == retailer_id)
    async with read.connect() as conn:
        if (await conn.execute(known)).one_or_none() is None:
            message = f"There is no retailer {retailer_id}."
            raise NotFound(message)
        if on is not None:
            query = query.where(*await _during(conn, tenant_id, on))
        return await fetch_page(
            conn, query, page, into=Held, name="assignment_history", order=(_BEGAN, assignments.c.id), newest_first=True
        )


async def _during(conn: AsyncConnection, tenant_id: UUID, day: date) -> tuple[sa.ColumnElement[bool], ...]:
    zone = sa.select(organisations.c.time_zone).where(organisations.c.tenant_id == tenant_id)
    time_zone = (await conn.execute(zone)).scalar_one()
    ended = assignments.c.ended_at
    return (
        assignments.c.started_at < ends_at(day, time_zone),
        sa.or_(ended.is_(None), ended > begins_at(day, time_zone)),
    )

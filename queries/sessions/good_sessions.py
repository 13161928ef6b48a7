"""Which sessions are good at this moment: not over, and their users still who they were when they logged in."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.transaction import reading
from domain.shared.actor import RELAY, Role

_UUIDS = postgresql.ARRAY(sa.Uuid())
_ASK = sa.text("SELECT session_id, user_id, role FROM haat_session_verdicts(:tenants, :sessions)").bindparams(
    sa.bindparam("tenants", type_=_UUIDS), sa.bindparam("sessions", type_=_UUIDS)
)


class GoodSession(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is, and with which role."""

    session_id: UUID
    user_id: UUID
    role: Role


async def good_sessions(conn: AsyncConnection, asked: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, GoodSession]:
    """The good ones among (tenant, session) pairs, by session; the connection must be the relay's."""
    parameters = {"tenants": [tenant for tenant, _ in asked], "sessions": [session for _, session in asked]}
    rows = (await conn.execute(_ASK, parameters)).mappings()
    return {row["session_id"]: msgspec.convert(dict(row), GoodSession) for row in rows}


async def good_session(engine: AsyncEngine, tenant_id: UUID, session_id: UUID) -> GoodSession | None:
    """The session, if it is good."""
    async with reading(engine, RELAY) as conn:
        return (await good_sessions(conn, [(tenant_id, session_id)])).get(session_id)

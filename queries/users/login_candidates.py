"""Who may be meant by a login, in every organisation: asked before anybody is logged in."""

from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.transaction import reading
from domain.shared.actor import RELAY, Role

_FIND = sa.text("SELECT * FROM haat_find_logins(:login, :organisation)")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A user with that login who is active; `auth_version` goes into the session that a login begins."""

    tenant_id: UUID
    user_id: UUID
    login: str
    name: str
    role: Role
    password_hash: str
    auth_version: int


async def login_candidates(engine: AsyncEngine, *, login: str, organisation: str | None) -> list[Candidate]:
    """Those with this canonical login, in the named organisation or in any."""
    async with reading(engine, RELAY) as conn:
        rows = await conn.execute(_FIND, {"login": login, "organisation": organisation})
        return [msgspec.convert(dict(row), Candidate) for row in rows.mappings()]

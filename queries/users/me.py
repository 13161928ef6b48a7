"""The user who is logged in, with their organisation."""

from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.users import users
from domain.shared.actor import Role
from domain.shared.errors import NotFound
from queries._read import Read


class MyOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    """`country` is ISO 3166-1 alpha-2, `time_zone` an IANA name, `currency` ISO 4217."""

    code: Annotated[str, msgspec.Meta(examples=["acme"])]
    name: Annotated[str, msgspec.Meta(examples=["Acme Distribution Ltd."])]
    country: Annotated[str, msgspec.Meta(examples=["BD"])]
    time_zone: Annotated[str, msgspec.Meta(examples=["Asia/Dhaka"])]
    currency: Annotated[str, msgspec.Meta(examples=["BDT"])]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who I am, for whom, and as what."""

    id: UUID
    login: Annotated[str, msgspec.Meta(examples=["rahima@acme.example"])]
    name: Annotated[str, msgspec.Meta(examples=["রহিমা খাতুন"])]
    role: Role
    tenant_id: UUID
    organisation: MyOrganisation


_ORGANISATION = sa.func.jsonb_build_object(
    *(part for name in MyOrganisation.__struct_fields__ for part in (name, organisations.c[name]))
)


async def me(read: Read) -> Me:
    """The acting user. Raises NotFound when they have just been deleted."""
    query = (
        sa.select(*(users.c[name] for name in ("id", "login", "name", "role", "tenant_id")))
        .add_columns(_ORGANISATION.label("organisation"))
        .join_from(users, organisations, organisations.c.tenant_id == users.c.tenant_id)
        .where(*_myself(read))
    )
    async with read.connect() as conn:
        row = (await conn.execute(query)).mappings().one_or_none()
    if row is None:
        raise _gone()
    return msgspec.convert({str(name): value for name, value in row.items()}, Me)


async def my_password_hash(read: Read) -> str:
    """What the acting user's password must match. Raises NotFound when they have just been deleted."""
    async with read.connect() as conn:
        found: str | None = (await conn.execute(sa.select(users.c.password_hash).where(*_myself(read)))).scalar()
    if found is None:
        raise _gone()
    return found


def _myself(read: Read) -> tuple[sa.ColumnElement[bool], ...]:
    actor = read.actor
    return users.c.tenant_id == actor.tenant, users.c.id == actor.user, users.c.deleted_at.is_(None)


def _gone() -> NotFound:
    return NotFound("Your account has just been deleted.")

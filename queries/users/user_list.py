"""Users by name, and one user, as admins see them."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.users import users
from domain.shared.actor import Role
from domain.shared.errors import NotFound
from domain.users import User
from queries._matching import mentions
from queries._read import Page, PageRequest, Read, fetch_one, fetch_page

_USER = sa.select(users.c.id, users.c.login, users.c.name, users.c.role, users.c.active, users.c.version).where(
    users.c.deleted_at.is_(None)
)


async def user_list(
    read: Read,
    page: PageRequest,
    *,
    role: Role | None,
    active: bool | None,
    has_password: bool | None,
    q: str | None,
) -> Page[User]:
    """A page of the organisation's users; `q` is a part of login or name. Raises Malformed for a bad cursor.

    Those without a password came from a file, and cannot log in yet.
    """
    query = _USER.where(users.c.tenant_id == read.actor.tenant, *mentions(q, users.c.name, users.c.login))
    if role is not None:
        query = query.where(users.c.role == role.value)
    if active is not None:
        query = query.where(users.c.active == active)
    if has_password is not None:
        query = query.where(users.c.password_hash.is_not(None) == has_password)
    async with read.connect() as conn:
        return await fetch_page(conn, query, page, into=User, name="users", order=(users.c.name, users.c.id))


async def user(read: Read, user_id: UUID) -> User:
    """One user. Raises NotFound."""
    query = _USER.where(users.c.tenant_id == read.actor.tenant, users.c.id == user_id)
    async with read.connect() as conn:
        found = await fetch_one(conn, query, into=User)
    if found is None:
        message = f"There is no user {user_id}."
        raise NotFound(message)
    return found

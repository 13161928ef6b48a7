"""Writes to users."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.stores._rows import insert_row, into, lock_row, update_row
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.users import users
from adapters.postgres.transaction import Tx
from domain.shared.actor import Role
from domain.users import User


async def insert(tx: Tx, *, login: str, name: str, role: Role, password_hash: str) -> User:
    """A new user who may log in. Raises CodeTaken."""
    values = {"id": tx.new_id(), "login": login, "name": name, "role": role.value, "password_hash": password_hash}
    return into(User, await insert_row(tx, users, values))


async def lock(tx: Tx, user_id: UUID, *, expected_version: int | None = None) -> User:
    """The user, locked FOR NO KEY UPDATE. Raises NotFound, PreconditionFailed."""
    return into(User, await lock_row(tx, users, user_id, expected_version=expected_version))


async def lock_all(tx: Tx, user_ids: Collection[UUID]) -> dict[UUID, User]:
    """Those of them who are there, locked FOR NO KEY UPDATE in the order of their ids."""
    query = (
        sa.select(users)
        .where(users.c.tenant_id == tx.tenant_id, users.c.id.in_(user_ids), users.c.deleted_at.is_(None))
        .order_by(users.c.id)
        .with_for_update(key_share=True)
    )
    return {row["id"]: into(User, row) for row in (await tx.conn.execute(query)).mappings()}


async def lock_password_hash(tx: Tx, user_id: UUID) -> str:
    """The hash of the user, who is locked FOR NO KEY UPDATE. Raises NotFound."""
    password_hash: str = (await lock_row(tx, users, user_id))["password_hash"]
    return password_hash


async def update(tx: Tx, user: User, *, password_hash: str | None = None, ends_sessions: bool = False) -> User:
    """The user as given, one version on; with `ends_sessions`, none of their earlier sessions is good any more."""
    changes: dict[str, Any] = {"name": user.name, "role": user.role.value, "active": user.active}
    if password_hash is not None:
        changes["password_hash"] = password_hash
    return into(User, await update_row(tx, users, user.id, changes | _outdating(ends_sessions=ends_sessions)))


async def set_password(tx: Tx, user_id: UUID, password_hash: str) -> None:
    """The user's password is another; none of their sessions is good any more."""
    await update_row(tx, users, user_id, {"password_hash": password_hash} | _outdating(ends_sessions=True))


async def delete(tx: Tx, user_id: UUID) -> None:
    """The user is gone: the row stays for what refers to it, the login is free."""
    await update_row(tx, users, user_id, {"deleted_at": tx.now, "active": False} | _outdating(ends_sessions=True))


async def holdings(tx: Tx, sr_id: UUID) -> int:
    """How many retailers the SR holds; to be asked when the user is locked."""
    query = sa.select(sa.func.count()).where(
        assignments.c.tenant_id == tx.tenant_id, assignments.c.sr_id == sr_id, assignments.c.ended_at.is_(None)
    )
    return int((await tx.conn.execute(query)).scalar_one())


def _outdating(*, ends_sessions: bool) -> dict[str, Any]:
    return {"auth_version": users.c.auth_version + 1} if ends_sessions else {}

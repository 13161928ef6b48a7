"""Organisations with people in them."""

import itertools
import uuid
from dataclasses import dataclass
from typing import Protocol

import asyncpg
from argon2 import PasswordHasher

_NUMBERS = itertools.count(1)
# Cheap on purpose: these hashes guard nothing, and the parameters stand in the hash.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class HasOwner(Protocol):
    """A database that can be reached as its owner."""

    @property
    def owner_url(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Founded:
    """An organisation with one admin and one SR."""

    tenant_id: uuid.UUID
    code: str
    admin_id: uuid.UUID
    admin_login: str
    sr_id: uuid.UUID
    sr_login: str


async def found(database: HasOwner, *, password: str) -> Founded:
    """An organisation of its own, so that tests of one module do not meet."""
    code = f"org-{next(_NUMBERS)}-{uuid.uuid4().hex[:6]}"
    tenant_id = uuid.uuid4()
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "INSERT INTO organisations (tenant_id, code, name, country, time_zone, currency)"
            " VALUES ($1, $2, $2, 'BD', 'Asia/Dhaka', 'BDT')",
            tenant_id,
            code,
        )
        admin_id = await add_user(connection, tenant_id, f"admin@{code}.test", "admin", password)
        sr_id = await add_user(connection, tenant_id, f"sr@{code}.test", "sr", password)
    finally:
        await connection.close()
    return Founded(
        tenant_id=tenant_id,
        code=code,
        admin_id=admin_id,
        admin_login=f"admin@{code}.test",
        sr_id=sr_id,
        sr_login=f"sr@{code}.test",
    )


async def add_user(
    connection: asyncpg.Connection, tenant_id: uuid.UUID, login: str, role: str, password: str
) -> uuid.UUID:
    """A user who can log in."""
    user_id = uuid.uuid4()
    await connection.execute(
        "INSERT INTO users (tenant_id, id, login, name, role, password_hash) VALUES ($1, $2, $3, $3, $4, $5)",
        tenant_id,
        user_id,
        login,
        role,
        _HASHER.hash(password),
    )
    return user_id

"""Writes of many users at once."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.tables.users import users
from adapters.postgres.transaction import Tx

INSERTED_AT_ONCE = 1_000


class NewUser(NamedTuple):
    """Somebody who may log in; `password_hash` is what the password hasher has made."""

    login: str
    name: str
    role: str
    password_hash: str


async def insert_missing(tx: Tx, people: Sequence[NewUser]) -> list[UUID]:
    """Those whose login is not taken in the organisation; the ids of these."""
    inserted: list[UUID] = []
    for start in range(0, len(people), INSERTED_AT_ONCE):
        values = [
            {
                "tenant_id": tx.tenant_id,
                "id": tx.new_id(),
                "created_at": tx.now,
                "updated_at": tx.now,
                **person._asdict(),
            }
            for person in people[start : start + INSERTED_AT_ONCE]
        ]
        insert = postgresql.insert(users).values(values)
        missing = insert.on_conflict_do_nothing(
            index_elements=[users.c.tenant_id, users.c.login], index_where=sa.text("deleted_at IS NULL")
        )
        inserted += (await tx.conn.execute(missing.returning(users.c.id))).scalars()
    return inserted

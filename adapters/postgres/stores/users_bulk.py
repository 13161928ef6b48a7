"""Writes of many users at once: those who share a password, and those of a chunk of a file, who have none yet."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores._images import changed_image, created_image, kept
from adapters.postgres.stores._staging import stage_rows
from adapters.postgres.tables.users import users
from adapters.postgres.transaction import Tx

INSERTED_AT_ONCE = 1_000
WRITTEN: Final = ("login", "name", "role", "active")
CHANGED: Final = ("name", "role", "active")
OWN_ACCOUNT: Final = "own_account"
HOLDS_RETAILERS: Final = "in_use"


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


class Kept(NamedTuple):
    """A staged row that must not be carried out: which column asks for it, which rule forbids it, what they hold."""

    row: int
    login: str
    column: str
    reason: str
    held: int


class Merged(NamedTuple):
    """What a merge did: ids and roles of the users created, ids of those changed, and of those who lost rights."""

    created: list[tuple[UUID, str]]
    updated: list[UUID]
    lost_rights: list[UUID]


class Foreseen(NamedTuple):
    """How many users a merge would create and change."""

    created: int
    updated: int


async def existing_logins(tx: Tx, logins: Sequence[str]) -> list[str]:
    """Those of the canonical `logins` that the organisation has."""
    query = sa.text(
        "SELECT login FROM users WHERE tenant_id = :tenant_id AND deleted_at IS NULL AND login = ANY(:logins)"
    )
    return list((await tx.conn.execute(query, {"tenant_id": tx.tenant_id, "logins": list(logins)})).scalars())


async def stage(tx: Tx, columns: Sequence[tuple[str, str]], csv: bytes) -> None:
    """Copy a chunk into the temporary table `staged_users`; `columns` are names and PostgreSQL types."""
    await stage_rows(tx, "staged_users", columns, csv, key="login")
    await mind_statistics(tx.conn, tx.tenant_id, ["users"])


async def lock_staged(tx: Tx, *, acting: UUID | None) -> None:
    """Lock whoever the staged rows would change, together with the acting admin, in the order of their ids."""
    await tx.conn.execute(sa.text(_LOCK), {"tenant_id": tx.tenant_id, "acting": acting})


async def is_active_admin(tx: Tx, user_id: UUID) -> bool:
    """Whether they are an admin who may log in."""
    query = sa.select(users.c.id).where(
        *(users.c.tenant_id == tx.tenant_id, users.c.id == user_id, users.c.deleted_at.is_(None)),
        *(users.c.active, users.c.role == "admin"),
    )
    return (await tx.conn.execute(query)).first() is not None


async def take_out_forbidden(tx: Tx, *, acting: UUID | None) -> list[Kept]:
    """Take out the staged rows that the rules of single changes forbid; to be asked when the users are locked."""
    found = await tx.conn.execute(sa.text(_TAKE_OUT), {"tenant_id": tx.tenant_id, "acting": acting})
    return [Kept(*row) for row in found]


async def foresee(tx: Tx) -> Foreseen:
    """What `merge` would do now, without doing it."""
    row = (await tx.conn.execute(sa.text(_COUNT), {"tenant_id": tx.tenant_id})).one()
    return Foreseen(row.created, row.updated)


async def merge(tx: Tx, *, job_id: UUID, chunk: int) -> Merged | None:
    """Create (without a password) and change what the staged rows say, with a before-image for each that changed.

    None when somebody has created one of them meanwhile: then nothing of it counts, and all must begin anew.
    """
    values = {"tenant_id": tx.tenant_id, "job_id": job_id, "chunk": chunk, "now": tx.now}
    changed = (await tx.conn.execute(sa.text(_UPDATE), values)).all()
    made = (await tx.conn.execute(sa.text(_INSERT), values)).all()
    left = await foresee(tx)
    if left.created or left.updated:
        return None
    return Merged(
        created=[(row.id, row.role) for row in made],
        updated=[row.id for row in changed],
        lost_rights=[row.id for row in changed if row.loses],
    )


_SAME: Final = "u.tenant_id = :tenant_id AND u.login = s.login AND u.deleted_at IS NULL"
_WANTED: Final = {column: f"coalesce(s.{column}, u.{column})" for column in CHANGED}
_DIFFERS: Final = "(" + " OR ".join(f"u.{column} <> {wanted}" for column, wanted in _WANTED.items()) + ")"

_LOCK: Final = f"""
SELECT count(*) FROM (
    SELECT FROM users u LEFT JOIN staged_users s ON s.login = u.login
    WHERE u.tenant_id = :tenant_id AND u.deleted_at IS NULL
      AND (u.id = CAST(:acting AS uuid) OR s.login IS NOT NULL AND {_DIFFERS})
    ORDER BY u.id FOR NO KEY UPDATE OF u
) locked
"""  # noqa: S608  our own names

_TAKE_OUT: Final = f"""
WITH judged AS (
    SELECT s._row, u.login, h.held,
        CASE WHEN u.role <> {_WANTED["role"]} THEN 'role' ELSE 'active' END AS "column",
        CASE
            WHEN u.id = CAST(:acting AS uuid) AND (u.role <> {_WANTED["role"]} OR u.active AND NOT {_WANTED["active"]})
                THEN '{OWN_ACCOUNT}'
            WHEN h.held > 0 THEN '{HOLDS_RETAILERS}'
        END AS reason
    FROM staged_users s
    JOIN users u ON {_SAME}
    CROSS JOIN LATERAL (
        SELECT count(*) AS held FROM assignments a
        WHERE u.role = 'sr' AND s.role <> 'sr'
          AND a.tenant_id = :tenant_id AND a.sr_id = u.id AND a.ended_at IS NULL
    ) h
), taken_out AS (
    DELETE FROM staged_users s USING judged j WHERE j._row = s._row AND j.reason IS NOT NULL
)
SELECT _row, login, "column", reason, held FROM judged WHERE reason IS NOT NULL ORDER BY _row
"""  # noqa: S608  our own names

_COUNT: Final = f"""
SELECT count(*) FILTER (WHERE u.id IS NULL) AS created,
       count(*) FILTER (WHERE u.id IS NOT NULL AND {_DIFFERS}) AS updated
FROM staged_users s LEFT JOIN users u ON {_SAME}
"""  # noqa: S608  our own names

_INSERT: Final = f"""
WITH made AS (
    INSERT INTO users AS u (tenant_id, id, login, name, role, active, created_at, updated_at)
    SELECT :tenant_id, uuidv7(), s.login, s.name, s.role, coalesce(s.active, true), :now, :now
    FROM staged_users s
    WHERE NOT EXISTS (SELECT FROM users u WHERE {_SAME})
    ORDER BY s.login
    ON CONFLICT (tenant_id, login) WHERE deleted_at IS NULL DO NOTHING
    RETURNING u.id, u.role, {created_image("u", WRITTEN)} AS after
), images AS ({kept("users", "made", before="NULL")})
SELECT id, role FROM made
"""  # noqa: S608  our own names

_UPDATE: Final = f"""
WITH changed AS (
    UPDATE users AS u
    SET {", ".join(f"{column} = {wanted}" for column, wanted in _WANTED.items())},
        auth_version = u.auth_version + CASE WHEN u.role <> {_WANTED["role"]}
            OR u.active AND NOT {_WANTED["active"]} THEN 1 ELSE 0 END,
        version = u.version + 1, updated_at = :now
    FROM staged_users s
    WHERE {_SAME} AND {_DIFFERS}
    RETURNING u.id, old.role <> new.role OR old.active AND NOT new.active AS loses,
        {changed_image("old", CHANGED)} AS before, {changed_image("new", CHANGED)} AS after
), images AS ({kept("users", "changed", before="before")})
SELECT id, loses FROM changed
"""  # noqa: S608  our own names

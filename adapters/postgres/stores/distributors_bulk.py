"""Writes of a chunk of a file of distributors."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores._images import changed_image, created_image, kept
from adapters.postgres.stores._staging import stage_rows
from adapters.postgres.transaction import Tx

WRITTEN: Final = ("code", "name")
_CHANGED: Final = ("name",)


class Merged(NamedTuple):
    """The distributors that a merge created and changed."""

    created: list[UUID]
    updated: list[UUID]


class Foreseen(NamedTuple):
    """How many distributors a merge would create and change."""

    created: int
    updated: int


async def existing_codes(tx: Tx, codes: Sequence[str]) -> list[str]:
    """Those of `codes` that the organisation has."""
    query = sa.text("SELECT code FROM distributors WHERE tenant_id = :tenant_id AND code = ANY(:codes)")
    return list((await tx.conn.execute(query, {"tenant_id": tx.tenant_id, "codes": list(codes)})).scalars())


async def stage(tx: Tx, columns: Sequence[tuple[str, str]], csv: bytes) -> None:
    """Copy a chunk into the temporary table `staged_distributors`; `columns` are names and PostgreSQL types."""
    await stage_rows(tx, "staged_distributors", columns, csv, key="code")
    await mind_statistics(tx.conn, tx.tenant_id, ["distributors"])


async def foresee(tx: Tx) -> Foreseen:
    """What `merge` would do now, without doing it."""
    row = (await tx.conn.execute(sa.text(_COUNT), {"tenant_id": tx.tenant_id})).one()
    return Foreseen(row.created, row.updated)


async def merge(tx: Tx, *, job_id: UUID, chunk: int) -> Merged:
    """Create and rename what the staged rows say, with one before-image for each that changed.

    A code that somebody else creates meanwhile is renamed instead: only a later statement sees it.
    """
    tenant = {"tenant_id": tx.tenant_id}
    values = {"job_id": job_id, "chunk": chunk, "now": tx.now, **tenant}
    created = (await tx.conn.execute(sa.text(_INSERT), values)).scalars().all()
    await tx.conn.execute(sa.text(_LOCK), tenant)
    updated = (await tx.conn.execute(sa.text(_UPDATE), values)).scalars().all()
    return Merged(list(created), list(updated))


_SAME: Final = "t.tenant_id = :tenant_id AND t.code = s.code"
_DIFFERS: Final = "t.name IS DISTINCT FROM s.name AND s.name IS NOT NULL"

_COUNT: Final = f"""
SELECT count(*) FILTER (WHERE t.id IS NULL) AS created,
       count(*) FILTER (WHERE t.id IS NOT NULL AND {_DIFFERS}) AS updated
FROM staged_distributors s LEFT JOIN distributors t ON {_SAME}
"""  # noqa: S608  our own names

_INSERT: Final = f"""
WITH made AS (
    INSERT INTO distributors AS t (tenant_id, id, code, name, created_at, updated_at)
    SELECT :tenant_id, uuidv7(), s.code, s.name, :now, :now
    FROM staged_distributors s
    WHERE NOT EXISTS (SELECT FROM distributors t WHERE {_SAME})
    ORDER BY s.code
    ON CONFLICT (tenant_id, code) DO NOTHING
    RETURNING t.id, {created_image("t", WRITTEN)} AS after
), images AS ({kept("distributors", "made", before="NULL")})
SELECT id FROM made
"""  # noqa: S608  our own names

_LOCK: Final = f"""
SELECT count(*) FROM (
    SELECT FROM distributors t JOIN staged_distributors s ON {_SAME}
    WHERE {_DIFFERS}
    ORDER BY t.id FOR NO KEY UPDATE OF t
) locked
"""  # noqa: S608  our own names

_UPDATE: Final = f"""
WITH changed AS (
    UPDATE distributors AS t SET name = s.name, version = t.version + 1, updated_at = :now
    FROM staged_distributors s
    WHERE {_SAME} AND {_DIFFERS}
    RETURNING t.id, {changed_image("old", _CHANGED)} AS before, {changed_image("new", _CHANGED)} AS after
), images AS ({kept("distributors", "changed", before="before")})
SELECT id FROM changed
"""  # noqa: S608  our own names

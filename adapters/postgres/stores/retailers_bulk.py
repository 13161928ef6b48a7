"""Writes of a whole chunk of an import file to retailers.

The chunk is copied into a temporary table first, since COPY into a table under row-level security is refused. New
retailers are inserted unless somebody is faster, then every retailer that differs is locked in the order of its id
and updated. Unlike one INSERT … ON CONFLICT DO UPDATE this starts from the row as it is under its lock, so that a
column which the file does not name keeps what an SR wrote a moment ago, and it leaves unchanged rows without a trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.copy import copy_csv
from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores._images import changed_image, created_image, kept
from adapters.postgres.transaction import Tx

WRITTEN: Final = (
    "name",
    "phone",
    "territory_id",
    "distributor_id",
    "routes",
    "points",
    "notes",
    "lat",
    "lng",
    "active",
)
_CREATED: Final = ("uid", *WRITTEN)
_CHANGED: Final = (*WRITTEN, "deleted_at")
_DEFAULTS: Final = {"routes": "'{}'", "points": "0", "active": "true"}
_SAME_UID: Final = "r.tenant_id = :tenant_id AND r.uid = s.uid"


class Merged(NamedTuple):
    """How many rows a merge created and updated, or would."""

    created: int
    updated: int


async def stage(tx: Tx, columns: Sequence[tuple[str, str]], csv: bytes) -> None:
    """Copy a chunk into the temporary table `staged_retailers`; `columns` are names and PostgreSQL types."""
    definitions = ", ".join(f"{name} {kind}" for name, kind in columns)
    await tx.conn.execute(sa.text(f"CREATE TEMPORARY TABLE staged_retailers ({definitions}) ON COMMIT DROP"))
    await copy_csv(tx, "staged_retailers", [name for name, _ in columns], csv)
    await tx.conn.execute(sa.text("CREATE INDEX ON staged_retailers (uid)"))
    await tx.conn.execute(sa.text("ANALYZE staged_retailers"))
    # A chunk is a small part of the table: the planner's default for spinning disks prefers reading all of it.
    await tx.conn.execute(sa.text("SELECT set_config('random_page_cost', '1.1', true)"))
    await mind_statistics(tx.conn, tx.tenant_id, ["retailers"])


async def existing_uids(tx: Tx, uids: Sequence[str]) -> list[str]:
    """Those of `uids` that the organisation has, deleted retailers among them: importing one restores it."""
    query = sa.text("SELECT uid FROM retailers WHERE tenant_id = :tenant_id AND uid = ANY(:uids)")
    found = await tx.conn.execute(query, {"tenant_id": tx.tenant_id, "uids": list(uids)})
    return list(found.scalars())


async def drop_unresolved(tx: Tx) -> Mapping[str, list[int]]:
    """Take out staged rows whose territory or distributor is gone; their `_row` numbers by column.

    What is still there stays locked FOR KEY SHARE, so that it cannot go before the merge commits.
    """
    gone: dict[str, list[int]] = {}
    for column, table in (("territory_id", "territories"), ("distributor_id", "distributors")):
        await tx.conn.execute(sa.text(_LOCK_PARENTS.format(column=column, table=table)), {"tenant_id": tx.tenant_id})
        dropped = await tx.conn.execute(
            sa.text(_DROP_ORPHANS.format(column=column, table=table)), {"tenant_id": tx.tenant_id}
        )
        gone[column.removesuffix("_id")] = list(dropped.scalars())
    return gone


async def merge(tx: Tx, *, job_id: UUID, chunk: int, clear_bits: Mapping[str, int]) -> Merged:
    """Bring the retailers to what the staged rows say, with one before-image for each that changed.

    NULL leaves a column as it is; the bits of `_clear` in `clear_bits` set columns to NULL.
    """
    statements = _statements(tuple(sorted(clear_bits.items())))
    tenant = {"tenant_id": tx.tenant_id}
    image = {"job_id": job_id, "chunk": chunk, "now": tx.now, **tenant}
    created = (await tx.conn.execute(sa.text(statements.insert), image)).scalar_one()
    if (await tx.conn.execute(sa.text(statements.lock), tenant)).scalar_one() == 0:
        return Merged(created, 0)
    updated = (await tx.conn.execute(sa.text(statements.update), image)).scalar_one()
    return Merged(created, updated)


async def foresee(tx: Tx, *, clear_bits: Mapping[str, int]) -> Merged:
    """What `merge` would do now, without doing it."""
    counts = sa.text(_statements(tuple(sorted(clear_bits.items()))).foresee)
    row = (await tx.conn.execute(counts, {"tenant_id": tx.tenant_id})).one()
    return Merged(row.created, row.updated)


class _Statements(NamedTuple):
    insert: str
    lock: str
    update: str
    foresee: str


@cache
def _statements(clear_bits: Iterable[tuple[str, int]]) -> _Statements:
    bits = dict(clear_bits)
    wanted = {column: _wanted(column, bits.get(column)) for column in WRITTEN}
    differs = " OR ".join(
        ["r.deleted_at IS NOT NULL", *(f"r.{column} IS DISTINCT FROM {value}" for column, value in wanted.items())]
    )
    given = ", ".join(f"coalesce(s.{c}, {_DEFAULTS[c]})" if c in _DEFAULTS else f"s.{c}" for c in WRITTEN)
    return _Statements(
        insert=_INSERT.format(
            columns=", ".join(WRITTEN), given=given, image=created_image("r", _CREATED), kept=_kept_created()
        ),
        lock=_LOCK.format(same=_SAME_UID, differs=differs),
        update=_UPDATE.format(
            wanted=", ".join(f"{column} = {value}" for column, value in wanted.items()),
            same=_SAME_UID,
            differs=differs,
            before=changed_image("old", _CHANGED),
            after=changed_image("new", _CHANGED),
            kept=kept("retailers", "changed", before="before"),
        ),
        foresee=_FORESEE.format(same=_SAME_UID, differs=differs),
    )


def _wanted(column: str, bit: int | None) -> str:
    value = f"coalesce(s.{column}, r.{column})"
    return value if bit is None else f"CASE WHEN s._clear & {bit} <> 0 THEN NULL ELSE {value} END"


def _kept_created() -> str:
    return kept("retailers", "made", before="NULL")


_LOCK_PARENTS: Final = """
SELECT count(*) FROM (
    SELECT FROM {table} p
    WHERE p.tenant_id = :tenant_id AND p.id IN (SELECT s.{column} FROM staged_retailers s)
    ORDER BY p.id FOR KEY SHARE
) locked
"""

_DROP_ORPHANS: Final = """
DELETE FROM staged_retailers s
WHERE s.{column} IS NOT NULL
  AND NOT EXISTS (SELECT FROM {table} p WHERE p.tenant_id = :tenant_id AND p.id = s.{column})
RETURNING s._row
"""

# The anti-join keeps existing rows out of the insert: each one tried and refused would cost a speculative tuple.
_INSERT: Final = """
WITH made AS (
    INSERT INTO retailers AS r (tenant_id, id, uid, {columns}, created_at, updated_at)
    SELECT :tenant_id, uuidv7(), s.uid, {given}, :now, :now
    FROM staged_retailers s
    WHERE NOT EXISTS (SELECT FROM retailers r WHERE r.tenant_id = :tenant_id AND r.uid = s.uid)
    ORDER BY s._row
    ON CONFLICT (tenant_id, uid) DO NOTHING
    RETURNING r.id, {image} AS after
), images AS ({kept})
SELECT count(*) FROM made
"""

_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM retailers r JOIN staged_retailers s ON {same}
    WHERE {differs}
    ORDER BY r.id FOR NO KEY UPDATE OF r
) locked
"""

_UPDATE: Final = """
WITH changed AS (
    UPDATE retailers AS r
    SET {wanted}, deleted_at = NULL, version = r.version + 1, updated_at = :now
    FROM staged_retailers s
    WHERE {same} AND ({differs})
    RETURNING r.id, {before} AS before, {after} AS after
), images AS ({kept})
SELECT count(*) FROM changed
"""

_FORESEE: Final = """
SELECT count(*) FILTER (WHERE r.id IS NULL) AS created,
       count(*) FILTER (WHERE r.id IS NOT NULL AND ({differs})) AS updated
FROM staged_retailers s LEFT JOIN retailers r ON {same}
"""

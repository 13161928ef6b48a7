"""Writes of a whole chunk of an import file to retailers.

The chunk is copied into a temporary table first, since COPY into a table under row-level security is refused. One join
tells what is new and what differs, and ends the matter when nothing is. New retailers are inserted unless somebody is
faster, then every retailer that differs is locked in the order of its id and updated. Unlike one INSERT … ON CONFLICT
DO UPDATE this starts from the row as it is under its lock, so that a column which the file does not name keeps what an
SR wrote a moment ago, and it leaves unchanged rows without a trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.copy import copy_csv
from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores._counted_ids import COUNTED_ID, counted_ids
from adapters.postgres.stores._images import changed_image, digest, kept
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
CREATED: Final = ("uid", *WRITTEN)
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
    await tx.conn.execute(sa.text("ANALYZE staged_retailers (uid)"))
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
    tenant = {"tenant_id": tx.tenant_id}
    for column, table in (("territory_id", "territories"), ("distributor_id", "distributors")):
        locked = await tx.conn.execute(sa.text(_LOCK_PARENTS.format(column=column, table=table)), tenant)
        if locked.scalar_one():
            continue
        dropped = await tx.conn.execute(sa.text(_DROP_ORPHANS.format(column=column, table=table)), tenant)
        gone[column.removesuffix("_id")] = list(dropped.scalars())
    return gone


async def merge(tx: Tx, *, job_id: UUID, chunk: int, clear_bits: Mapping[str, int]) -> Merged:
    """Bring the retailers to what the staged rows say; what changed can be taken back.

    NULL leaves a column as it is; the bits of `_clear` in `clear_bits` set columns to NULL.
    """
    statements = _statements(tuple(sorted(clear_bits.items())))
    tenant = {"tenant_id": tx.tenant_id}
    image = {"job_id": job_id, "chunk": chunk, "now": tx.now, **tenant}
    staged = (await tx.conn.execute(sa.text(statements.foresee), tenant)).one()
    if staged.unchanged and (staged.created or staged.updated):
        await tx.conn.execute(sa.text(statements.drop_unchanged), tenant)
    created = 0
    if staged.created:
        insert = statements.insert_missing if staged.updated else statements.insert_all
        created = (await tx.conn.execute(sa.text(insert), {**image, **counted_ids()})).scalar_one()
    if created == staged.created and not staged.updated:
        return Merged(created, 0)
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
    drop_unchanged: str
    insert_all: str
    insert_missing: str
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
    insert = partial(
        _INSERT.format, columns=", ".join(WRITTEN), id=COUNTED_ID, given=given, digest=digest("r", CREATED)
    )
    return _Statements(
        drop_unchanged=_DROP_UNCHANGED.format(same=_SAME_UID, differs=differs),
        insert_all=insert(new=""),
        insert_missing=insert(new=_MISSING),
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


# Whether every parent that is named is there, and stays.
_LOCK_PARENTS: Final = """
WITH named AS MATERIALIZED (
    SELECT DISTINCT s.{column} AS id FROM staged_retailers s WHERE s.{column} IS NOT NULL
), locked AS MATERIALIZED (
    SELECT FROM {table} p
    WHERE p.tenant_id = :tenant_id AND p.id = ANY (ARRAY(SELECT n.id FROM named n))
    ORDER BY p.id FOR KEY SHARE
)
SELECT (SELECT count(*) FROM locked) = (SELECT count(*) FROM named)
"""

_DROP_ORPHANS: Final = """
DELETE FROM staged_retailers s
WHERE s.{column} IS NOT NULL
  AND NOT EXISTS (SELECT FROM {table} p WHERE p.tenant_id = :tenant_id AND p.id = s.{column})
RETURNING s._row
"""

_DROP_UNCHANGED: Final = """
DELETE FROM staged_retailers s USING retailers r WHERE {same} AND NOT ({differs})
"""

# Keeps existing rows out of the insert: each one tried and refused would cost a speculative tuple.
_MISSING: Final = "WHERE NOT EXISTS (SELECT FROM retailers r WHERE r.tenant_id = :tenant_id AND r.uid = s.uid)"

# Rows are staged in the order of their uids.
_INSERT: Final = """
WITH made AS (
    INSERT INTO retailers AS r (tenant_id, id, uid, {columns}, created_at, updated_at)
    SELECT :tenant_id, {id}, s.uid, {given}, :now, :now
    FROM staged_retailers s {new}
    ON CONFLICT (tenant_id, uid) DO NOTHING
    RETURNING r.id, {digest} AS digest
), remembered AS (
    INSERT INTO created_rows (tenant_id, job_id, subject, chunk, ids, digests)
    SELECT :tenant_id, :job_id, 'retailers', :chunk, array_agg(id), array_agg(digest) FROM made HAVING count(*) > 0
)
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
       count(*) FILTER (WHERE r.id IS NOT NULL AND ({differs})) AS updated,
       count(*) FILTER (WHERE r.id IS NOT NULL AND NOT ({differs})) AS unchanged
FROM staged_retailers s LEFT JOIN retailers r ON {same}
"""

"""Writes of many assignments at once: a selection as it is, and moves from one holder to another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.copy import copy_csv, copy_out_csv
from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores import loans
from adapters.postgres.stores._counted_ids import COUNTED_ID, counted_ids
from adapters.postgres.stores._staging import stage_rows
from adapters.postgres.stores.before_images import PageOfImages
from adapters.postgres.transaction import Tx

HOLDER_CHANGED: Final = "holder_changed"
RETAILER_GONE: Final = "retailer_gone"
SR_UNAVAILABLE: Final = "sr_unavailable"

_SELECTED: Final = sa.table(
    "selected_retailers",
    *(sa.column(name) for name in ("retailer_id", "sr_id", "code", "name", "hash_a", "hash_b")),
)


class Unmoved(NamedTuple):
    """A retailer whose move could not be made: its uid and name, and why."""

    uid: str
    name: str
    reason: str


class Moved(NamedTuple):
    """How many retailers had no holder before, changed or lost theirs, and stayed."""

    created: int
    updated: int
    unchanged: int


async def write_selection(tx: Tx, query: sa.Select[tuple[object, ...]], into: Path) -> int:
    """Write the rows of `query` (retailer_id, sr_id, code, name, hash_a, hash_b) as CSV; the number of rows.

    Ordered by territory code, name and id, without those two columns. COPY takes no parameters, hence the detour by
    a temporary table.
    """
    await tx.conn.execute(sa.text("SELECT set_config('statement_timeout', '600000', true)"))
    await tx.conn.execute(
        sa.text(
            "CREATE TEMPORARY TABLE selected_retailers (retailer_id uuid, sr_id uuid, code text, name text,"
            " hash_a int8, hash_b int8) ON COMMIT DROP"
        )
    )
    await tx.conn.execute(sa.insert(_SELECTED).from_select([c.name for c in _SELECTED.c], query))
    return await copy_out_csv(
        tx, "SELECT retailer_id, sr_id, hash_a, hash_b FROM selected_retailers ORDER BY code, name, retailer_id", into
    )


async def stage_moves(tx: Tx, csv: bytes) -> None:
    """Copy planned moves into the temporary table `staged_moves`: retailer, holder when planned, holder to be."""
    await _make_staged(tx)
    await copy_csv(tx, "staged_moves", ["retailer_id", "holder", "target"], csv)
    await _index_staged(tx)


async def stage_returns(tx: Tx, chunk: int, *, undone_job: UUID) -> None:
    """Stage the moves that take back those of a job's chunk."""
    await _make_staged(tx)
    values = {"tenant_id": tx.tenant_id, "undone_job": undone_job, "chunk": chunk}
    await tx.conn.execute(sa.text(_RETURNS), values)
    await _index_staged(tx)


async def stage_wishes(tx: Tx, columns: Sequence[tuple[str, str]], csv: bytes) -> list[int]:
    """Stage moves from whoever holds the retailers now to whom a chunk of a file wishes.

    `columns` are names and PostgreSQL types, `_row`, `uid` and `sr_id` (null: nobody) among them. The `_row` numbers
    of uids that no retailer has come back; nothing is staged for these.
    """
    tenant = {"tenant_id": tx.tenant_id}
    await stage_rows(tx, "staged_wishes", columns, csv, key="uid")
    await _make_staged(tx)
    await tx.conn.execute(sa.text(_WISHES), tenant)
    await _index_staged(tx)
    return list((await tx.conn.execute(sa.text(_UNKNOWN), tenant)).scalars())


async def stage_loans(tx: Tx, job_id: UUID, page: PageOfImages) -> None:
    """Stage the returns of what the job has lent."""
    await _make_staged(tx)
    await loans.stage_returns(tx, job_id, page)
    await _index_staged(tx)


async def live_uids(tx: Tx, uids: Sequence[str]) -> list[str]:
    """Those of `uids` that a retailer has who can be assigned."""
    query = sa.text(
        "SELECT uid FROM retailers WHERE tenant_id = :tenant_id AND uid = ANY(:uids) AND deleted_at IS NULL"
    )
    return list((await tx.conn.execute(query, {"tenant_id": tx.tenant_id, "uids": list(uids)})).scalars())


async def take_out_exceptions(tx: Tx, *, lock: bool = True) -> list[Unmoved]:
    """Lock what the staged moves need, in the one order everywhere, and take out those that cannot be made.

    Users first (FOR SHARE while they are active SRs), then open assignments, then retailers. Only a later statement
    sees who holds a retailer after all locks are granted. Without `lock` it only tells what is so at the moment.
    """
    tenant = {"tenant_id": tx.tenant_id}
    for statement in (_LOCK_SRS, _LOCK_OPEN, _LOCK_RETAILERS) if lock else ():
        await tx.conn.execute(sa.text(statement), tenant)
    found = await tx.conn.execute(sa.text(_TAKE_OUT), tenant)
    return [Unmoved(*row) for row in found]


async def move(tx: Tx, *, job_id: UUID, chunk: int) -> Moved:
    """Make the staged moves that `take_out_exceptions` left: close open rows, open new ones, and remember it."""
    # Not the transaction's start: an assignment that was committed while this one waited may have begun after it.
    at = (await tx.conn.execute(sa.text("SELECT clock_timestamp()"))).scalar_one()
    tenant = {"tenant_id": tx.tenant_id}
    await tx.conn.execute(sa.text(_CLOSE), {"at": at, **tenant})
    await tx.conn.execute(sa.text(_OPEN), {"at": at, **tenant, **counted_ids()})
    await tx.conn.execute(sa.text(_REMEMBER), {"job_id": job_id, "chunk": chunk, **tenant})
    return await foresee(tx)


async def foresee(tx: Tx) -> Moved:
    """What the staged moves do, or would."""
    row = (await tx.conn.execute(sa.text(_COUNT))).one()
    return Moved(row.created, row.updated, row.unchanged)


async def _make_staged(tx: Tx) -> None:
    await tx.conn.execute(
        sa.text("CREATE TEMPORARY TABLE staged_moves (retailer_id uuid, holder uuid, target uuid) ON COMMIT DROP")
    )
    # A chunk is a small part of the table: the planner's default for spinning disks prefers reading all of it.
    await tx.conn.execute(sa.text("SELECT set_config('random_page_cost', '1.1', true)"))
    await mind_statistics(tx.conn, tx.tenant_id, ["assignments", "retailers"])


async def _index_staged(tx: Tx) -> None:
    await tx.conn.execute(sa.text("CREATE INDEX ON staged_moves (retailer_id)"))
    await tx.conn.execute(sa.text("ANALYZE staged_moves"))


_WISHES: Final = """
INSERT INTO staged_moves
SELECT r.id, a.sr_id, w.sr_id
FROM staged_wishes w
JOIN retailers r ON r.tenant_id = :tenant_id AND r.uid = w.uid AND r.deleted_at IS NULL
LEFT JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = r.id AND a.ended_at IS NULL
"""

_UNKNOWN: Final = """
SELECT w._row FROM staged_wishes w
WHERE NOT EXISTS (
    SELECT FROM retailers r JOIN staged_moves m ON m.retailer_id = r.id
    WHERE r.tenant_id = :tenant_id AND r.uid = w.uid
)
ORDER BY 1
"""

_RETURNS: Final = """
INSERT INTO staged_moves
SELECT u.retailer_id, u.target, u.holder FROM moved_retailers m
CROSS JOIN LATERAL unnest(m.retailer_ids, m.holders, m.targets) AS u (retailer_id, holder, target)
WHERE m.tenant_id = :tenant_id AND m.job_id = :undone_job AND m.chunk = :chunk
"""

_ACTIVE_SR: Final = "u.tenant_id = :tenant_id AND u.active AND u.role = 'sr' AND u.deleted_at IS NULL"

_LOCK_SRS: Final = f"""
SELECT count(*) FROM (
    SELECT FROM users u
    WHERE {_ACTIVE_SR} AND u.id IN (SELECT m.target FROM staged_moves m WHERE m.target IS DISTINCT FROM m.holder)
    ORDER BY u.id FOR SHARE
) locked
"""  # noqa: S608  our own names

_LOCK_OPEN: Final = """
SELECT count(*) FROM (
    SELECT FROM assignments a JOIN staged_moves m ON m.retailer_id = a.retailer_id
    WHERE a.tenant_id = :tenant_id AND a.ended_at IS NULL AND m.target IS DISTINCT FROM m.holder
    ORDER BY a.id FOR NO KEY UPDATE OF a
) locked
"""

_LOCK_RETAILERS: Final = """
SELECT count(*) FROM (
    SELECT FROM retailers r JOIN staged_moves m ON m.retailer_id = r.id
    WHERE r.tenant_id = :tenant_id AND m.target IS DISTINCT FROM m.holder
    ORDER BY r.id FOR NO KEY UPDATE OF r
) locked
"""

_TAKE_OUT: Final = f"""
WITH judged AS (
    SELECT m.retailer_id, r.uid, r.name,
        CASE
            WHEN r.id IS NULL OR r.deleted_at IS NOT NULL THEN '{RETAILER_GONE}'
            WHEN a.sr_id IS DISTINCT FROM m.holder THEN '{HOLDER_CHANGED}'
            WHEN m.target IS DISTINCT FROM m.holder AND m.target IS NOT NULL AND u.id IS NULL THEN '{SR_UNAVAILABLE}'
        END AS reason
    FROM staged_moves m
    LEFT JOIN retailers r ON r.tenant_id = :tenant_id AND r.id = m.retailer_id
    LEFT JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = m.retailer_id AND a.ended_at IS NULL
    LEFT JOIN users u ON u.id = m.target AND {_ACTIVE_SR}
), taken_out AS (
    DELETE FROM staged_moves m USING judged j WHERE j.retailer_id = m.retailer_id AND j.reason IS NOT NULL
)
SELECT coalesce(uid, retailer_id::text), coalesce(name, ''), reason FROM judged
WHERE reason IS NOT NULL ORDER BY 1
"""  # noqa: S608  our own names

_CLOSE: Final = """
UPDATE assignments a SET ended_at = :at
FROM staged_moves m
WHERE a.tenant_id = :tenant_id AND a.retailer_id = m.retailer_id AND a.ended_at IS NULL
  AND m.target IS DISTINCT FROM m.holder
"""

_OPEN: Final = f"""
INSERT INTO assignments (tenant_id, id, retailer_id, sr_id, started_at)
SELECT :tenant_id, {COUNTED_ID}, m.retailer_id, m.target, :at
FROM staged_moves m
WHERE m.target IS NOT NULL AND m.target IS DISTINCT FROM m.holder
"""  # noqa: S608  our own names

_REMEMBER: Final = """
INSERT INTO moved_retailers (tenant_id, job_id, chunk, retailer_ids, holders, targets)
SELECT :tenant_id, :job_id, :chunk, array_agg(m.retailer_id), array_agg(m.holder), array_agg(m.target)
FROM staged_moves m
WHERE m.target IS DISTINCT FROM m.holder
HAVING count(*) > 0
"""

_COUNT: Final = """
SELECT count(*) FILTER (WHERE m.holder IS NULL AND m.target IS NOT NULL) AS created,
       count(*) FILTER (WHERE m.holder IS NOT NULL AND m.target IS DISTINCT FROM m.holder) AS updated,
       count(*) FILTER (WHERE m.target IS NOT DISTINCT FROM m.holder) AS unchanged
FROM staged_moves m
"""

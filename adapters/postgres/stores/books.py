"""Writes to books and their entries: the difference between what SRs should have and what they were last sent."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.statistics import mind_statistics
from adapters.postgres.transaction import Tx
from domain.books import BookVersion
from domain.shared.events import Touches

_IDS = postgresql.ARRAY(sa.Uuid())

# A version that is lost in a crash could stand for two contents, whatever the server's default is.
_DURABLY = sa.text(
    "SELECT set_config('synchronous_commit', 'on', true),"
    " ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint AS timeline"
)
_INSERT_MISSING = sa.text(
    """
    INSERT INTO books (tenant_id, sr_id, epoch, version)
    SELECT :tenant_id, sr_id, CAST(:epoch AS bigint), 0 FROM unnest(:sr_ids) AS sr_id ORDER BY sr_id
    ON CONFLICT DO NOTHING
    """
).bindparams(sa.bindparam("tenant_id", type_=sa.Uuid()), sa.bindparam("sr_ids", type_=_IDS))
_LOCK = sa.text(
    """
    SELECT sr_id FROM books WHERE tenant_id = :tenant_id AND sr_id = ANY(:sr_ids)
    ORDER BY sr_id FOR NO KEY UPDATE
    """
).bindparams(sa.bindparam("tenant_id", type_=sa.Uuid()), sa.bindparam("sr_ids", type_=_IDS))

# The retailer as contract and OpenAPI have it, without `sr`: row_to_json is the one builder that writes compactly.
DOCUMENTS = """
    SELECT a.sr_id, r.id AS retailer_id, r.name, row_to_json(document)::text AS doc
    FROM assignments a
    JOIN retailers r ON r.tenant_id = a.tenant_id AND r.id = a.retailer_id
    JOIN territories t ON t.tenant_id = r.tenant_id AND t.id = r.territory_id
    JOIN areas ar ON ar.tenant_id = t.tenant_id AND ar.id = t.area_id
    JOIN regions rg ON rg.tenant_id = ar.tenant_id AND rg.id = ar.region_id
    LEFT JOIN distributors d ON d.tenant_id = r.tenant_id AND d.id = r.distributor_id
    CROSS JOIN LATERAL (
        SELECT r.id, r.uid, r.name, r.phone,
            (SELECT row_to_json(part) FROM (SELECT rg.id, rg.code, rg.name) part) AS region,
            (SELECT row_to_json(part) FROM (SELECT ar.id, ar.code, ar.name) part) AS area,
            (SELECT row_to_json(part) FROM (SELECT t.id, t.code, t.name) part) AS territory,
            (SELECT row_to_json(part) FROM (SELECT d.id, d.code, d.name) part WHERE d.id IS NOT NULL) AS distributor,
            r.routes, r.points, r.notes, r.lat, r.lng, r.active, r.version,
            to_char(r.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at
    ) document
    WHERE a.tenant_id = :tenant_id AND a.sr_id = ANY(:sr_ids) AND a.ended_at IS NULL AND r.deleted_at IS NULL
"""
# Without statistics, as right after a bulk load, the planner takes `changes` for a handful of rows: it must be read
# once and never be the inner side of a loop, so the few rows of `stepped` are looked up for each change instead.
_STEP = sa.text(
    f"""
    WITH wanted AS MATERIALIZED ({DOCUMENTS}),
    sent AS (
        SELECT sr_id, retailer_id, name, doc, present FROM book_entries
        WHERE tenant_id = :tenant_id AND sr_id = ANY(:sr_ids)
    ),
    changes AS MATERIALIZED (
        SELECT sr_id, retailer_id, coalesce(w.name, s.name) AS name, coalesce(w.doc, '') AS doc,
            w.doc IS NOT NULL AS present
        FROM wanted w FULL JOIN sent s USING (sr_id, retailer_id)
        WHERE coalesce(s.present, false) <> (w.doc IS NOT NULL) OR (s.present AND s.doc <> w.doc)
    ),
    epochs AS (
        SELECT sr_id, CASE
            WHEN :new_epoch THEN
                (greatest(CAST(:timeline AS bigint), epoch >> 32) << 32)
                | greatest((epoch & 4294967295) + 1, extract(epoch FROM clock_timestamp())::bigint)
            ELSE greatest(epoch, CAST(:timeline AS bigint) << 32)
        END AS epoch
        FROM books WHERE tenant_id = :tenant_id AND sr_id = ANY(:sr_ids)
    ),
    stepped AS (
        UPDATE books b SET version = b.version + 1, epoch = greatest(b.epoch, e.epoch)
        FROM epochs e
        WHERE b.tenant_id = :tenant_id AND b.sr_id = ANY(:sr_ids) AND e.sr_id = b.sr_id
            AND (e.epoch > b.epoch OR b.version = 0 OR b.sr_id IN (SELECT sr_id FROM changes))
        RETURNING b.sr_id, b.epoch, b.version
    ),
    written AS (
        INSERT INTO book_entries (tenant_id, sr_id, retailer_id, version, name, doc, present)
        SELECT :tenant_id, c.sr_id, c.retailer_id, (SELECT s.version FROM stepped s WHERE s.sr_id = c.sr_id),
            c.name, c.doc, c.present
        FROM changes c
        ON CONFLICT (tenant_id, sr_id, retailer_id) DO UPDATE
        SET version = EXCLUDED.version, name = EXCLUDED.name, doc = EXCLUDED.doc, present = EXCLUDED.present
    )
    SELECT b.sr_id, coalesce(s.epoch, b.epoch) AS epoch, coalesce(s.version, b.version) AS version
    FROM books b LEFT JOIN stepped s USING (sr_id)
    WHERE b.tenant_id = :tenant_id AND b.sr_id = ANY(:sr_ids)
    """  # noqa: S608  put together from our own parts
).bindparams(sa.bindparam("tenant_id", type_=sa.Uuid()), sa.bindparam("sr_ids", type_=_IDS))

# Holders by committed open assignments; one branch per kind of id, so that each finds its index.
_HOLDERS = """
    SELECT a.sr_id FROM assignments a JOIN retailers r ON r.tenant_id = a.tenant_id AND r.id = a.retailer_id
    WHERE a.tenant_id = :tenant_id AND a.ended_at IS NULL AND """
_TOUCHED = {
    "retailer_ids": "a.retailer_id = ANY(:retailer_ids)",
    "territory_ids": "r.territory_id = ANY(:territory_ids)",
    "distributor_ids": "r.distributor_id = ANY(:distributor_ids)",
    "area_ids": """r.territory_id IN (
        SELECT id FROM territories WHERE tenant_id = :tenant_id AND area_id = ANY(:area_ids))""",
    "region_ids": """r.territory_id IN (
        SELECT t.id FROM territories t JOIN areas ar ON ar.tenant_id = t.tenant_id AND ar.id = t.area_id
        WHERE t.tenant_id = :tenant_id AND ar.region_id = ANY(:region_ids))""",
}


async def begin(tx: Tx) -> int:
    """Have the transaction commit durably; gives the server's timeline."""
    timeline: int = (await tx.conn.execute(_DURABLY)).one().timeline
    return timeline


async def insert_missing(tx: Tx, sr_ids: Sequence[UUID], *, timeline: int) -> None:
    """Every SR has a book; a new one is at version 0, which no reader may take for an empty book."""
    await tx.conn.execute(_INSERT_MISSING, {"tenant_id": tx.tenant_id, "sr_ids": list(sr_ids), "epoch": timeline << 32})


async def lock_books(tx: Tx, sr_ids: Sequence[UUID]) -> set[UUID]:
    """Lock the books in `sr_id` order; gives those that exist."""
    return set((await tx.conn.execute(_LOCK, {"tenant_id": tx.tenant_id, "sr_ids": list(sr_ids)})).scalars())


async def merge_documents(
    tx: Tx, sr_ids: Sequence[UUID], *, timeline: int, new_epoch: bool = False
) -> dict[UUID, BookVersion]:
    """Bring the entries of locked books up to the open assignments; what differs gets the next version.

    Its snapshot must be younger than the locks: call it in a statement after `lock_books`.
    """
    await mind_statistics(tx.conn, tx.tenant_id, ("assignments", "retailers"))
    rows = await tx.conn.execute(
        _STEP, {"tenant_id": tx.tenant_id, "sr_ids": list(sr_ids), "timeline": timeline, "new_epoch": new_epoch}
    )
    return {row.sr_id: BookVersion(row.epoch, row.version) for row in rows}


async def holders(tx: Tx, touches: Touches) -> set[UUID]:
    """Whoever is named, and whoever holds what is named by committed open assignments now.

    Call it after the commit of what touched them: an assignment and a renaming that overlap would miss each other.
    """
    named = {kind: list(getattr(touches, kind)) for kind in _TOUCHED if getattr(touches, kind)}
    if not named:
        return set(touches.sr_ids)
    await mind_statistics(tx.conn, tx.tenant_id, ("assignments", "retailers"))
    query = sa.text(" UNION ".join(_HOLDERS + _TOUCHED[kind] for kind in named)).bindparams(
        sa.bindparam("tenant_id", type_=sa.Uuid()), *(sa.bindparam(kind, type_=_IDS) for kind in named)
    )
    found = await tx.conn.execute(query, {"tenant_id": tx.tenant_id, **named})
    return {*touches.sr_ids, *found.scalars()}

"""Writes to the audit of books, and the comparison it stands on: what SRs should have, and what their entries say."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.stores.books import DOCUMENTS
from adapters.postgres.tables.book_audits import book_audits
from adapters.postgres.tables.books import books
from adapters.postgres.transaction import Tx


class Difference(NamedTuple):
    """An entry that is not what it should be; `wanted` and `sent` are digests of the documents, None where none is."""

    sr_id: UUID
    retailer_id: UUID
    wanted: str | None
    sent: str | None


_CLAIM = sa.text(
    """
    INSERT INTO book_audits AS mine (tenant_id, audited_at)
    SELECT tenant_id, clock_timestamp() FROM organisations LEFT JOIN book_audits USING (tenant_id)
    WHERE audited_at IS NULL OR audited_at < clock_timestamp() - make_interval(secs => :seconds)
    ORDER BY audited_at NULLS FIRST, tenant_id LIMIT :limit
    ON CONFLICT (tenant_id) DO UPDATE SET audited_at = EXCLUDED.audited_at
    WHERE mine.audited_at < clock_timestamp() - make_interval(secs => :seconds)
    RETURNING mine.tenant_id
    """
)
_DIFFERENCES = sa.text(
    f"""
    WITH wanted AS MATERIALIZED ({DOCUMENTS}), sent AS (
        SELECT sr_id, retailer_id, doc FROM book_entries
        WHERE tenant_id = :tenant_id AND sr_id = ANY(:sr_ids) AND present
    )
    SELECT sr_id, retailer_id, md5(w.doc) AS wanted, md5(s.doc) AS sent
    FROM wanted w FULL JOIN sent s USING (sr_id, retailer_id)
    WHERE w.doc IS DISTINCT FROM s.doc
    """  # noqa: S608  put together from our own parts
).bindparams(sa.bindparam("tenant_id", type_=sa.Uuid()), sa.bindparam("sr_ids", type_=postgresql.ARRAY(sa.Uuid())))
_AWAITS_RENDERING = sa.text(
    """
    SELECT EXISTS (
        SELECT FROM outbox
        WHERE tenant_id = :tenant_id AND touches IS NOT NULL AND rendered_at IS NULL AND created_at <= :before
    ) OR EXISTS (
        SELECT FROM chunks c JOIN jobs j ON j.tenant_id = c.tenant_id AND j.id = c.job_id
        WHERE c.tenant_id = :tenant_id AND j.state IN ('queued', 'running') AND NOT c.books_fresh
    )
    """
).bindparams(sa.bindparam("tenant_id", type_=sa.Uuid()))


async def claim(tx: Tx, *, every_seconds: float, limit: int) -> list[UUID]:
    """The organisations that nobody has audited for so long; they are the caller's."""
    return list((await tx.conn.execute(_CLAIM, {"seconds": every_seconds, "limit": limit})).scalars())


async def next_books(tx: Tx, *, limit: int) -> list[UUID]:
    """The SRs whose books come next in this organisation."""
    reached = sa.select(book_audits.c.reached).where(book_audits.c.tenant_id == tx.tenant_id).scalar_subquery()
    query = (
        sa.select(books.c.sr_id)
        .where(books.c.tenant_id == tx.tenant_id, books.c.version > 0)
        .where(books.c.sr_id > sa.func.coalesce(reached, UUID(int=0)))
        .order_by(books.c.sr_id)
        .limit(limit)
    )
    return list((await tx.conn.execute(query)).scalars())


async def differences(conn: AsyncConnection, tenant_id: UUID, sr_ids: Sequence[UUID]) -> frozenset[Difference]:
    """Where entries are not what the open assignments and the retailers say, in one snapshot."""
    rows = await conn.execute(_DIFFERENCES, {"tenant_id": tenant_id, "sr_ids": list(sr_ids)})
    return frozenset(Difference(*row) for row in rows)


async def awaits_rendering(conn: AsyncConnection, tenant_id: UUID, *, before: datetime) -> bool:
    """Whether something that was announced by then has books still to be rendered: they are late, not wrong."""
    found: bool = (await conn.execute(_AWAITS_RENDERING, {"tenant_id": tenant_id, "before": before})).scalar_one()
    return found


async def note(tx: Tx, *, reached: UUID | None, looked_at: int, entries_different: int, values_different: int) -> None:
    """The audit has come so far; None begins anew next time."""
    found = {"looked_at": looked_at, "entries_different": entries_different, "values_different": values_different}
    await tx.conn.execute(
        sa.update(book_audits)
        .where(book_audits.c.tenant_id == tx.tenant_id)
        .values(reached=reached, **{name: book_audits.c[name] + count for name, count in found.items()})
    )

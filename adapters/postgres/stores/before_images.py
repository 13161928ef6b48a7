"""Before-images: what each job changed, row by row, for undoing it and for knowing whose books it touched."""

from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.statistics import avoid_nested_loops
from adapters.postgres.tables.jobs import before_images, created_rows, moved_retailers
from adapters.postgres.transaction import Tx


class PageOfImages(NamedTuple):
    """Rows of one subject with ids from `first` to `last`."""

    first: UUID
    last: UUID
    rows: int


class DoneByChunk(NamedTuple):
    """The rows of one subject that one chunk of a job created or moved."""

    chunk: int
    rows: int


async def pages(tx: Tx, job_id: UUID, subject: str, *, size: int) -> list[PageOfImages]:
    """The job's images of `subject` in disjoint pages of at most `size` rows, in the order of their ids."""
    numbered = (
        sa.select(
            before_images.c.row_id,
            ((sa.func.row_number().over(order_by=before_images.c.row_id) - 1) // sa.literal(size, sa.BigInteger)).label(
                "page"
            ),
        )
        .where(*_of_job(tx.tenant_id, job_id), before_images.c.subject == subject)
        .subquery()
    )
    # There is no min(uuid); as text of fixed length they have the same order.
    bounds = sa.select(
        numbered.c.page,
        sa.func.min(sa.cast(numbered.c.row_id, sa.Text)),
        sa.func.max(sa.cast(numbered.c.row_id, sa.Text)),
        sa.func.count(),
    ).group_by(numbered.c.page)
    found = await tx.conn.execute(bounds.order_by(numbered.c.page))
    return [PageOfImages(UUID(first), UUID(last), count) for _, first, last, count in found]


async def created(tx: Tx, job_id: UUID, subject: str) -> list[DoneByChunk]:
    """The chunks of the job that created rows of `subject` and remember them by digests."""
    query = (
        sa.select(created_rows.c.chunk, sa.func.cardinality(created_rows.c.ids))
        .where(created_rows.c.tenant_id == tx.tenant_id, created_rows.c.job_id == job_id)
        .where(created_rows.c.subject == subject)
        .order_by(created_rows.c.chunk)
    )
    return [DoneByChunk(chunk, rows) for chunk, rows in await tx.conn.execute(query)]


async def moved(tx: Tx, job_id: UUID) -> list[DoneByChunk]:
    """The chunks of the job that moved retailers."""
    query = (
        sa.select(moved_retailers.c.chunk, sa.func.cardinality(moved_retailers.c.retailer_ids))
        .where(moved_retailers.c.tenant_id == tx.tenant_id, moved_retailers.c.job_id == job_id)
        .order_by(moved_retailers.c.chunk)
    )
    return [DoneByChunk(chunk, rows) for chunk, rows in await tx.conn.execute(query)]


async def books_touched(conn: AsyncConnection, tenant_id: UUID, job_id: UUID) -> list[UUID]:
    """The SRs whose books may show what the job has changed, to be asked after its chunks have committed.

    Every holder before and after, and whoever holds a changed retailer (or one below a changed territory, area or
    region, or supplied by a changed distributor) now: an assignment that overlapped with the job would otherwise miss
    it. Rows which the job created are looked at only as far as they were assigned by it: nobody held them before, and
    whoever takes one renders it.
    """
    # What the job has just written is in no statistics yet.
    await avoid_nested_loops(conn)
    found = list((await conn.execute(sa.text(_BOOKS), {"tenant_id": tenant_id, "job_id": job_id})).scalars())
    await avoid_nested_loops(conn, avoid=False)
    return found


def _of_job(tenant_id: UUID, job_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return before_images.c.tenant_id == tenant_id, before_images.c.job_id == job_id


_BOOKS: Final = """
WITH images AS MATERIALIZED (
    SELECT subject, row_id, before, after FROM before_images
    WHERE tenant_id = :tenant_id AND job_id = :job_id AND before IS NOT NULL
), moved AS MATERIALIZED (
    SELECT u.retailer_id, u.holder, u.target FROM moved_retailers m
    CROSS JOIN LATERAL unnest(m.retailer_ids, m.holders, m.targets) AS u (retailer_id, holder, target)
    WHERE m.tenant_id = :tenant_id AND m.job_id = :job_id
), touched_territories AS (
    SELECT row_id AS id FROM images WHERE subject = 'territories'
    UNION
    SELECT t.id FROM images i JOIN territories t ON t.tenant_id = :tenant_id AND t.area_id = i.row_id
    WHERE i.subject = 'areas'
    UNION
    SELECT t.id FROM images i
    JOIN areas a ON a.tenant_id = :tenant_id AND a.region_id = i.row_id
    JOIN territories t ON t.tenant_id = :tenant_id AND t.area_id = a.id
    WHERE i.subject = 'regions'
), holders AS (
    SELECT holder AS sr_id FROM moved
    UNION
    SELECT target FROM moved
    UNION
    SELECT a.sr_id FROM moved m
    JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = m.retailer_id AND a.ended_at IS NULL
    UNION
    SELECT a.sr_id FROM images i
    JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = i.row_id AND a.ended_at IS NULL
    WHERE i.subject = 'retailers'
    UNION
    SELECT a.sr_id FROM images i
    JOIN retailers r ON r.tenant_id = :tenant_id AND r.distributor_id = i.row_id
    JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = r.id AND a.ended_at IS NULL
    WHERE i.subject = 'distributors'
    UNION
    SELECT a.sr_id FROM touched_territories t
    JOIN retailers r ON r.tenant_id = :tenant_id AND r.territory_id = t.id
    JOIN assignments a ON a.tenant_id = :tenant_id AND a.retailer_id = r.id AND a.ended_at IS NULL
)
SELECT sr_id FROM holders WHERE sr_id IS NOT NULL ORDER BY sr_id
"""

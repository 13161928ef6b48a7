"""What is left of jobs long after their end, and the marks that it is gone."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.tables.jobs import chunks, jobs
from adapters.postgres.transaction import Tx
from domain.jobs import ENDED, OPEN


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """An ended job and the files it names."""

    tenant_id: UUID
    id: UUID
    finished_at: datetime
    upload_key: str | None
    rejects_key: str | None


_undos = jobs.alias("undos")
# An undo reads what its job's rows were before: until it has ended, nothing of that may go.
_BEING_UNDONE = (
    sa.select(_undos.c.id)
    .where(_undos.c.tenant_id == jobs.c.tenant_id, _undos.c.undo_of == jobs.c.id, _undos.c.state.in_(OPEN))
    .exists()
)
# By place: no image is ever updated, and a join by key would read the job's images once more for each batch.
_DELETE_IMAGES = [
    sa.text(
        f"""
        DELETE FROM {table} WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM {table} WHERE tenant_id = :tenant_id AND job_id = :job_id LIMIT :limit
        ))
        """  # noqa: S608  our own names
    )
    for table in ("before_images", "created_rows", "moved_retailers")
]


async def with_work_files(tx: Tx, *, before: datetime, after: Remains | None, limit: int) -> list[Remains]:
    """Jobs of all organisations that ended before then and may still have work files; those behind `after`."""
    return await _page(tx, jobs.c.work_files_kept, before, after, limit)


async def with_results(tx: Tx, *, before: datetime, after: Remains | None, limit: int) -> list[Remains]:
    """Jobs of all organisations that ended before then and may still have files or before-images, page by page."""
    return await _page(tx, jobs.c.results_kept, before, after, limit)


async def delete_images(tx: Tx, job_id: UUID, *, before: datetime, limit: int) -> int | None:
    """Delete before-images of a job that ended before then, at most `limit` of each table; None: they are in use."""
    # Whoever undoes the job locks it first. Asked in a statement of its own, after the lock, for the newest state.
    locked = _ended(tx, job_id, before).with_for_update(of=jobs, key_share=True, skip_locked=True)
    if (await tx.conn.execute(locked)).first() is None:
        return None
    if (await tx.conn.execute(_ended(tx, job_id, before).where(_BEING_UNDONE))).first() is not None:
        return None
    values = {"tenant_id": tx.tenant_id, "job_id": job_id, "limit": limit}
    # As many as of the table that had most: whoever gets fewer than the limit is through with all.
    return max([(await tx.conn.execute(statement, values)).rowcount for statement in _DELETE_IMAGES])


async def delete_chunks(tx: Tx, job_id: UUID, *, before: datetime, limit: int) -> int:
    """Delete some chunks of a job that ended before then; how many. Its own row has their sums."""
    some = (
        sa.select(chunks.c.number)
        .where(chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id, _ended(tx, job_id, before).exists())
        .limit(limit)
    )
    gone = await tx.conn.execute(
        sa.delete(chunks).where(
            chunks.c.tenant_id == tx.tenant_id, chunks.c.job_id == job_id, chunks.c.number.in_(some)
        )
    )
    return gone.rowcount


async def delete_bare(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete some jobs of all organisations that ended before then, of which nothing else is left; how many."""
    some = (
        sa.select(jobs.c.tenant_id, jobs.c.id)
        .where(~jobs.c.results_kept, jobs.c.state.in_(ENDED), jobs.c.finished_at < before)
        .order_by(jobs.c.finished_at)
        .limit(limit)
    )
    return (await tx.conn.execute(sa.delete(jobs).where(sa.tuple_(jobs.c.tenant_id, jobs.c.id).in_(some)))).rowcount


async def without_job(tx: Tx, job_ids: Collection[UUID]) -> set[UUID]:
    """Those ids that are no job's, in any organisation."""
    known = await tx.conn.execute(sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids)))
    return set(job_ids) - set(known.scalars())


async def work_files_gone(tx: Tx, job_id: UUID, *, before: datetime) -> None:
    """There are no work files of the job any more."""
    await tx.conn.execute(sa.update(jobs).where(*_is(tx, job_id, before)).values(work_files_kept=False))


async def results_gone(tx: Tx, job_id: UUID, *, before: datetime) -> None:
    """There are no files and no before-images of the job any more."""
    await tx.conn.execute(
        sa.update(jobs)
        .where(*_is(tx, job_id, before))
        .values(
            work_files_kept=False,
            results_kept=False,
            upload_key=None,
            rejects_key=None,
            result_key=None,
            before_images_until=None,
        )
    )


async def _page(
    tx: Tx, kept: sa.ColumnElement[bool], before: datetime, after: Remains | None, limit: int
) -> list[Remains]:
    query = (
        sa.select(*(jobs.c[name] for name in Remains.__struct_fields__))
        .where(kept, jobs.c.state.in_(ENDED), jobs.c.finished_at < before)
        .order_by(jobs.c.finished_at, jobs.c.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(sa.tuple_(jobs.c.finished_at, jobs.c.id) > sa.tuple_(after.finished_at, after.id))
    rows = (await tx.conn.execute(query)).mappings()
    return [msgspec.convert({str(name): value for name, value in row.items()}, Remains) for row in rows]


def _ended(tx: Tx, job_id: UUID, before: datetime) -> sa.Select[tuple[UUID]]:
    return sa.select(jobs.c.id).where(*_is(tx, job_id, before))


def _is(tx: Tx, job_id: UUID, before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        jobs.c.tenant_id == tx.tenant_id,
        jobs.c.id == job_id,
        jobs.c.state.in_(ENDED),
        jobs.c.finished_at < before,
    )

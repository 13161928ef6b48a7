"""The steps of an undo job: page through what the first job changed, and take it back row by row."""

import functools
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from adapters.postgres.stores import assignments_bulk, before_images, loans, undo_rows
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores.before_images import DoneByChunk, PageOfImages
from adapters.postgres.stores.undo_rows import Subject
from adapters.postgres.transaction import Tx
from domain.jobs import ChunkCounts, JobFailed, PlannedChunk
from workers.assignments.steps import move_staged
from workers.jobs.work import Work
from workers.left_out import LeftOut, finish_left_out, keep_left_out

CHANGED_SINCE: Final = "changed_since"
# About a second's transaction.
_PAGE_ROWS: Final = 10_000
# The levels of the tree are taken back in one transaction: each refers to the one above.
_ALL_AT_ONCE: Final = 2**31
_SUBJECTS: Final = (undo_rows.RETAILERS, undo_rows.DISTRIBUTORS, *undo_rows.GEOGRAPHY)
# What a row is called in the list of those left alone.
_KEYS: Final = {"territories": "code", "distributors": "code", "users": "login"}
ROWS: Final = {
    undo_rows.GONE: "It has been deleted since.",
    undo_rows.CHANGED: "It has been changed since, so it stays as it is.",
    undo_rows.REFERRED_TO: "Something refers to it now, so it stays.",
    undo_rows.PARENT_GONE: "What it belonged to before has been deleted since, so it stays as it is.",
}
_MOVES: Final = {
    assignments_bulk.HOLDER_CHANGED: "Somebody else has been given it since, so it stays with them.",
    assignments_bulk.RETAILER_GONE: "It has been deleted since.",
    assignments_bulk.SR_UNAVAILABLE: "The SR who had it before is no longer active, so it stays where it is.",
}


async def split_undo_of_retailers(work: Work) -> None:
    """Plan a chunk for each page of retailers that the first job wrote."""
    await _plan(work, [undo_rows.RETAILERS], size=_PAGE_ROWS)


async def split_undo_of_territories(work: Work) -> None:
    """Plan one chunk for all territories, areas and regions that the first job wrote."""
    await _plan(work, undo_rows.GEOGRAPHY, size=_ALL_AT_ONCE)


async def split_undo_of_distributors(work: Work) -> None:
    """Plan a chunk for each page of distributors that the first job wrote."""
    await _plan(work, [undo_rows.DISTRIBUTORS], size=_PAGE_ROWS)


async def split_undo_of_assignments(work: Work) -> None:
    """Plan a chunk for each chunk of retailers that the first job moved."""
    async with work.fenced() as tx:
        moved = await before_images.moved(tx, undone_job(work))
        planned = [PlannedChunk(rows=one.rows, params={"done_by": one.chunk}) for one in moved]
        await _complete_plan(work, tx, planned)


async def load_undo_of_rows(work: Work) -> None:
    """Restore and delete the rows of one chunk, except those that somebody has changed since."""
    subjects = {subject.table: subject for subject in _SUBJECTS}
    left_out: list[LeftOut] = []
    async with work.fenced() as tx:
        for stored in work.chunk.params["pages"]:
            left = await undo_rows.undo(
                tx,
                subjects[stored["subject"]],
                _rows(stored),
                undone_job=undone_job(work),
                job_id=work.job.id,
                chunk=work.chunk.number,
            )
            left_out += (LeftOut(one.label, one.name, CHANGED_SINCE, ROWS[one.reason]) for one in left)
        faults = await keep_left_out(work, left_out)
        rejected = len(left_out)
        await work.complete(tx, ChunkCounts(updated=work.chunk.rows - rejected, rejected=rejected, faults=faults))


async def load_undo_of_assignments(work: Work) -> None:
    """Give the retailers of one chunk back to those who had them, except those moved again since."""
    async with work.fenced() as tx:
        await assignments_bulk.stage_returns(tx, work.chunk.params["done_by"], undone_job=undone_job(work))
        put_back = functools.partial(loans.taken_back, job_id=undone_job(work))
        await move_staged(work, tx, _MOVES, code=CHANGED_SINCE, then=put_back)


async def finish_undo(work: Work) -> None:
    """List what was left alone."""
    await finish_left_out(work, key_column=_KEYS.get(work.job.subject, "uid"))


async def plan_pages(work: Work, subject: str) -> None:
    """Plan a chunk for each page of before-images that the first job kept of `subject`."""
    async with work.fenced() as tx:
        pages = await before_images.pages(tx, undone_job(work), subject, size=_PAGE_ROWS)
        planned = [PlannedChunk(rows=page.rows, params={"pages": [_stored(subject, page)]}) for page in pages]
        await _complete_plan(work, tx, planned)


async def _plan(work: Work, subjects: Sequence[Subject], *, size: int) -> None:
    async with work.fenced() as tx:
        found = [
            (subject.table, page)
            for subject in subjects
            for page in await before_images.pages(tx, undone_job(work), subject.table, size=size)
        ]
        planned = [PlannedChunk(rows=page.rows, params={"pages": [_stored(table, page)]}) for table, page in found]
        for subject in subjects:
            for made in await before_images.created(tx, undone_job(work), subject.table):
                stored = {"subject": subject.table, "done_by": made.chunk, "rows": made.rows}
                planned.append(PlannedChunk(rows=made.rows, params={"pages": [stored]}))
        if size == _ALL_AT_ONCE and found:
            together = {"pages": [_stored(table, page) for table, page in found]}
            planned = [PlannedChunk(rows=sum(page.rows for _, page in found), params=together)]
        await _complete_plan(work, tx, planned)


async def _complete_plan(work: Work, tx: Tx, planned: list[PlannedChunk]) -> None:
    await job_store.plan_chunks(tx, work.job.id, planned, total=sum(one.rows for one in planned))
    await work.complete(tx)


def undone_job(work: Work) -> UUID:
    """The job whose work is taken back."""
    if work.job.undo_of is None:
        raise JobFailed("nothing_to_undo", "The job names no other job that it undoes.")
    return work.job.undo_of


def _stored(subject: str, page: PageOfImages) -> dict[str, Any]:
    return {"subject": subject, "first": str(page.first), "last": str(page.last), "rows": page.rows}


def _rows(stored: dict[str, Any]) -> PageOfImages | DoneByChunk:
    return DoneByChunk(stored["done_by"], stored["rows"]) if "done_by" in stored else page_of(stored)


def page_of(stored: dict[str, Any]) -> PageOfImages:
    """The page of before-images that a chunk was planned for."""
    return PageOfImages(UUID(stored["first"]), UUID(stored["last"]), stored["rows"])

"""The steps of a return: what an assignment has lent goes back to the lenders, unless its holder has changed."""

import functools
from typing import Any, Final
from uuid import UUID

from adapters.postgres.stores import assignments_bulk, loans
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores.before_images import PageOfImages
from domain.jobs import JobFailed, PlannedChunk
from workers.assignments.steps import move_staged
from workers.jobs.work import Work

# About a second's transaction.
_PAGE_ROWS: Final = 10_000
_SENTENCES: Final = {
    assignments_bulk.HOLDER_CHANGED: "Its holder was changed during the loan, so it stays as it is.",
    assignments_bulk.RETAILER_GONE: "It was deleted during the loan.",
    assignments_bulk.SR_UNAVAILABLE: "The SR who lent it is no longer active, so it stays where it is.",
}


async def split_return(work: Work) -> None:
    """Plan a chunk for each page of loans, those that are void by now included: they are listed."""
    async with work.fenced() as tx:
        pages = await loans.pages(tx, _lent_by(work), size=_PAGE_ROWS)
        planned = [PlannedChunk(rows=page.rows, params=_stored(page)) for page in pages]
        await job_store.plan_chunks(tx, work.job.id, planned, total=sum(page.rows for page in pages))
        await work.complete(tx)


async def load_return(work: Work) -> None:
    """Give the retailers of one chunk back to those who lent them."""
    lent_by = _lent_by(work)
    async with work.fenced() as tx:
        await assignments_bulk.stage_loans(tx, lent_by, _page(work.chunk.params))
        # A return that is taken up again finds no loans that an undo has ended meanwhile.
        gave_back = functools.partial(loans.gave_back, job_id=lent_by)
        await move_staged(work, tx, _SENTENCES, then=gave_back, replanned=True)


def _lent_by(work: Work) -> UUID:
    if work.job.return_of is None:
        raise JobFailed("nothing_to_return", "The job names no other job whose loans it takes back.")
    return work.job.return_of


def _stored(page: PageOfImages) -> dict[str, Any]:
    return {"first": str(page.first), "last": str(page.last), "rows": page.rows}


def _page(stored: dict[str, Any]) -> PageOfImages:
    return PageOfImages(UUID(stored["first"]), UUID(stored["last"]), stored["rows"])

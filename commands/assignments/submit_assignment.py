"""Queue the assignment of many retailers that an admin has previewed."""

from collections.abc import Awaitable
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import named_retailers, planned_jobs
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.assignments import AssignmentRequest, Expect, Selection, Weighed, check_holds, checked
from domain.jobs import JobSubmitted, NewJob
from domain.shared.days import today


class SubmitAssignment(Command, frozen=True, kw_only=True):
    """`expect` is the preview's: what it showed must still be so."""

    request: AssignmentRequest
    expect: Expect


class Weigh(Protocol):
    """Tells what a selection holds now; whoever runs the command hands in the query, since commands import none."""

    def __call__(self, conn: AsyncConnection, tenant_id: UUID, request: AssignmentRequest, /) -> Awaitable[Weighed]: ...


async def submit_assignment(command: SubmitAssignment, tx: Tx, *, weigh: Weigh) -> UUID:
    """The job. Raises UnfitRequest, NothingSelected, UnknownRetailers, UnknownSrs, Drifted, TooManyJobs."""
    request = checked(command.request, today=today(tx.now, await planned_jobs.zone(tx)))
    await job_store.check_room(tx)
    weighed = await weigh(tx.conn, tx.tenant_id, request)
    check_holds(command.expect, weighed.expect)
    select = request.select
    named = select.retailer_ids is not None or select.retailer_uids is not None
    stored = msgspec.structs.replace(request, select=Selection()) if named else request
    params = {"request": msgspec.to_builtins(stored), "expect": msgspec.to_builtins(command.expect)}
    new = NewJob(
        kind="assignment",
        subject="assignments",
        writes_retailers=True,
        params=params,
        total=command.expect.count,
        unit="retailers",
        starts_on=request.effective_on,
        returns_on=request.return_on,
    )
    job = await job_store.insert_job(tx, new)
    if named:
        await named_retailers.insert(tx, job.id, select)
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id

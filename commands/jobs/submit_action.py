"""Queue an action on all jobs that a filter means."""

from collections.abc import Awaitable
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.job_actions import ActionRequest, ExpectJobs, check_holds, seen
from domain.jobs import MAX_OPEN_WITH_ACTIONS, JobSubmitted, NewJob


class SubmitAction(Command, frozen=True, kw_only=True):
    """`expect` is the preview's: what it showed must still be so."""

    request: ActionRequest
    expect: ExpectJobs


class Find(Protocol):
    """Tells which jobs are meant; whoever runs the command hands in the query, since commands import none."""

    def __call__(self, conn: AsyncConnection, tenant_id: UUID, request: ActionRequest, /) -> Awaitable[list[UUID]]: ...


async def submit_action(command: SubmitAction, tx: Tx, *, find: Find) -> UUID:
    """The job. Raises NothingToActOn, TooManyToActOn, Drifted, TooManyJobs."""
    request = command.request
    now = seen(request.action, await find(tx.conn, tx.tenant_id, request))
    check_holds(command.expect, now)
    await job_store.check_room(tx, at_most=MAX_OPEN_WITH_ACTIONS)
    new = NewJob(
        kind="action",
        subject="jobs",
        params={"request": msgspec.to_builtins(request), "expect": msgspec.to_builtins(now)},
        file_name=f"{request.action}.csv",
        total=now.count,
        unit="jobs",
    )
    job = await job_store.insert_job(tx, new)
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id

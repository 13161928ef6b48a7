"""What an operator asks of the running installation, each in one call."""

import os
from uuid import UUID

from adapters.settings import Settings, SettingsError, load_settings
from cli import operator_view
from cli.http_client import HaatError
from cli.installation import open_installation
from cli.nothing_runs import nothing_runs
from cli.operator_view import ChunkTally, DeadLetter, OperatorJob, Worker, owner_connection
from commands.jobs.cancel_job import CancelJob, cancel_job
from commands.jobs.resend_deliveries import ResendDeliveries, resend_deliveries
from commands.jobs.retry_job import RetryJob, retry_job
from domain.jobs import JobFilter, OnCancel
from domain.shared.actor import worker_actor


def operator_settings() -> Settings:
    """The settings of the running stack. Raises HaatError with all that is wrong with them."""
    try:
        return load_settings(os.environ, as_owner=True)
    except SettingsError as error:
        raise HaatError(str(nothing_runs(error, os.environ) or error)) from error


async def jobs(wanted: JobFilter, *, limit: int) -> list[OperatorJob]:
    async with owner_connection(operator_settings().database_url) as conn:
        return await operator_view.list_jobs(conn, wanted, limit=limit)


async def job(job_id: UUID) -> tuple[OperatorJob, list[ChunkTally]]:
    async with owner_connection(operator_settings().database_url) as conn:
        return await operator_view.find_job(conn, job_id), await operator_view.tally_chunks(conn, job_id)


async def dead_letters(*, limit: int) -> list[DeadLetter]:
    async with owner_connection(operator_settings().database_url) as conn:
        return await operator_view.list_dead_letters(conn, limit=limit)


async def workers() -> tuple[list[Worker], dict[str, int]]:
    async with owner_connection(operator_settings().database_url) as conn:
        return await operator_view.list_workers(conn), await operator_view.count_open(conn)


async def retry(job_id: UUID) -> None:
    """Raises HaatError when there is no such job, JobNotRetryable."""
    async with open_installation(operator_settings()) as installation:
        found = await operator_view.find_job(installation.owner, job_id)
        await installation.runner(retry_job, RetryJob(job_id=job_id), actor=worker_actor(found.tenant_id))


async def cancel(job_id: UUID, *, on_cancel: OnCancel) -> None:
    """Raises HaatError when there is no such job, JobHasEnded."""
    async with open_installation(operator_settings()) as installation:
        found = await operator_view.find_job(installation.owner, job_id)
        command = CancelJob(job_id=job_id, on_cancel=on_cancel)
        await installation.runner(cancel_job, command, actor=worker_actor(found.tenant_id))


async def resend(events: frozenset[UUID] | None) -> int:
    """How many deliveries are due again: of all events, or of these. Raises HaatError for an event without any dead."""
    count = 0
    async with open_installation(operator_settings()) as installation:
        dead = await operator_view.dead_events(installation.owner)
        if unknown := (events or frozenset()) - dead.keys():
            message = (
                f"No dead letter of {', '.join(str(one) for one in sorted(unknown))}; `haat jobs dead` lists them."
            )
            raise HaatError(message)
        for event_id, tenant_id in dead.items():
            if events is None or event_id in events:
                count += await installation.runner(
                    resend_deliveries, ResendDeliveries(event_id=event_id), actor=worker_actor(tenant_id)
                )
    return count

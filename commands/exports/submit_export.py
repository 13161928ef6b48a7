"""Queue the export of a list."""

from uuid import UUID

import msgspec

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.exports import ExportRequest, checked
from domain.jobs import JobSubmitted, NewJob


class SubmitExport(Command, frozen=True, kw_only=True):
    """Reads what the submitter's organisation has, and changes nothing."""

    request: ExportRequest


async def submit_export(command: SubmitExport, tx: Tx) -> UUID:
    """The job. Raises UnfitFilter, TooManyJobs."""
    request = checked(command.request)
    await job_store.check_room(tx)
    new = NewJob(
        kind="export",
        subject=request.list_name,
        params=msgspec.to_builtins(request),
        file_name=f"{request.list_name}.{request.format}",
    )
    job = await job_store.insert_job(tx, new)
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id

"""Queue the import of a file that has been uploaded."""

from uuid import UUID

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.jobs import JobSubmitted, NewJob


class SubmitImport(Command, frozen=True, kw_only=True):
    """`upload_key` is where the file lies in object storage, `size` its bytes; a dry run writes nothing."""

    job_id: UUID
    kind: str
    mode: str
    writes_retailers: bool
    file_name: str | None
    upload_key: str
    size: int


async def submit_import(command: SubmitImport, tx: Tx) -> UUID:
    """The job. Raises TooManyJobs."""
    await job_store.check_room(tx)
    new = NewJob(
        kind="import",
        subject=command.kind,
        mode=command.mode,
        writes_retailers=command.writes_retailers and command.mode == "apply",
        params={"bytes": command.size},
        file_name=command.file_name,
        upload_key=command.upload_key,
    )
    job = await job_store.insert_job(tx, new, job_id=command.job_id)
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id

"""Where the files of a job lie in object storage, and which of its chunks left rejects there."""

import asyncio
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.jobs import chunks
from domain.jobs import JobRow
from workers.jobs.work import Work

STORAGE_SECONDS: Final = 5.0
# Below it each upload lies under its organisation and its job.
UPLOADS: Final = "imports"


class Identified(Protocol):
    """A job, as far as its files are concerned."""

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def id(self) -> UUID: ...


def job_of_upload(key: str) -> UUID | None:
    """The job whose upload lies there; None for whatever else that is."""
    match key.split("/"):
        case [folder, _, job_id, "upload"] if folder == UPLOADS:
            try:
                return UUID(job_id)
            except ValueError:
                return None
        case _:
            return None


def job_folder(job: Identified) -> str:
    """Everything that the job wrote, the upload excepted."""
    return f"jobs/{job.tenant_id}/{job.id}"


def rejects_key(job: Identified) -> str:
    """The file of rejects that people download."""
    return f"{job_folder(job)}/rejects.csv"


def results_folder(job: Identified) -> str:
    """What attempts at making the job's result have written; the job names the one that is its result."""
    return f"{job_folder(job)}/results"


def work_folder(job: Identified) -> str:
    """What only the job itself reads; it goes once the job cannot be retried any more."""
    return f"{job_folder(job)}/work"


def attempt_folder(work: Work) -> str:
    """A folder of this very attempt: one that was replaced while it still writes cannot touch another's files."""
    return f"{work_folder(work.job)}/{work.chunk.number:05d}-{work.chunk.attempt}"


def reject_part_key(job: JobRow, number: int, attempt: int) -> str:
    """The rejects that an attempt at a load chunk found."""
    return f"{work_folder(job)}/{number:05d}-{attempt}/rejects"


async def done_folders(conn: AsyncConnection, job: JobRow) -> list[str]:
    """The folders of the attempts that have done the load chunks, in their order."""
    query = (
        sa.select(chunks.c.number, chunks.c.attempt)
        .where(chunks.c.tenant_id == job.tenant_id, chunks.c.job_id == job.id)
        .where(chunks.c.step == "load", chunks.c.state == "done")
        .order_by(chunks.c.number)
    )
    return [f"{work_folder(job)}/{number:05d}-{attempt}" for number, attempt in await conn.execute(query)]


async def reject_parts(conn: AsyncConnection, job: JobRow) -> list[str]:
    """The parts that the chunks which are done have left, in their order."""
    query = (
        sa.select(chunks.c.number, chunks.c.attempt)
        .where(chunks.c.tenant_id == job.tenant_id, chunks.c.job_id == job.id)
        .where(chunks.c.step == "load", chunks.c.state == "done", chunks.c.rejected > 0)
        .order_by(chunks.c.number)
    )
    return [reject_part_key(job, number, attempt) for number, attempt in await conn.execute(query)]


async def put_reject_part(work: Work, path: Path) -> None:
    """Store the rejects of this attempt at a chunk, from within the chunk's transaction.

    The transaction holds locks on the chunk's rows, for which SRs' own writes wait: a storage that does not answer soon
    makes this attempt fail (TimeoutError), and the chunk is tried again.
    """
    async with asyncio.timeout(STORAGE_SECONDS):
        await work.files.put_file(reject_part_key(work.job, work.chunk.number, work.chunk.attempt), path)

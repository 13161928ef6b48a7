"""Bulk jobs run to their end in the test's own process, step by step, as workers would run them."""

import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.files import Files
from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import rendering
from adapters.postgres.transaction import transaction
from commands.jobs.advance_job import Advanced, AdvanceJob, advance_job
from commands.jobs.undo_job import UndoJob, undo_job
from domain.jobs import JobFailed, JobRow, NewJob
from domain.shared.actor import Actor, Power, worker_actor
from workers.job_kinds import JOB_KINDS
from workers.jobs.steps import look_for_books
from workers.jobs.work import Chunk, Work

_ATTEMPT = sa.text("SELECT attempt FROM chunks WHERE job_id = :job_id AND number = :number")


async def _unheard(_done: int, _total: int | None, _unit: str | None) -> None:
    """Nobody watches."""


@dataclass(kw_only=True)
class BulkWork:
    """An organisation's jobs; `rendered` are the SRs whose books each job asked to be rendered."""

    engine: AsyncEngine
    files: Files
    tenant_id: uuid.UUID
    admin_id: uuid.UUID
    scratch: Path
    rendered: dict[uuid.UUID, set[uuid.UUID]] = field(default_factory=dict)

    @property
    def admin(self) -> Actor:
        return Actor(tenant_id=self.tenant_id, user_id=self.admin_id, power=Power.ADMIN)

    async def submit_import(self, content: str | bytes, *, kind: str = "retailers", mode: str = "apply") -> uuid.UUID:
        """An import of a file with this content, queued."""
        key = f"imports/{self.tenant_id}/{uuid.uuid4()}/upload"
        upload = self.scratch / uuid.uuid4().hex
        upload.write_bytes(content.encode() if isinstance(content, str) else content)
        await self.files.put_file(key, upload)
        async with transaction(self.engine, self.admin) as tx:
            new = NewJob(kind="import", subject=kind, mode=mode, writes_retailers=mode == "apply", upload_key=key)
            return (await job_store.insert_job(tx, new)).id

    async def submit_undo(self, job_id: uuid.UUID) -> uuid.UUID:
        async with transaction(self.engine, self.admin) as tx:
            return await undo_job(UndoJob(job_id=job_id), tx)

    async def run_import(self, content: str | bytes, **how: Any) -> JobRow:
        return await self.run(await self.submit_import(content, **how))

    async def run_undo(self, job_id: uuid.UUID) -> JobRow:
        return await self.run(await self.submit_undo(job_id))

    async def run(self, job_id: uuid.UUID) -> JobRow:
        """The job once it has ended."""
        while not (advanced := await self.advance(job_id)).ended:
            assert advanced.to_send, f"job {job_id} waits for something"
            for number, _ in advanced.to_send:
                await self.run_chunk(job_id, number)
        return await self.job(job_id)

    async def run_to_load(self, job_id: uuid.UUID) -> list[int]:
        """Split the job; the numbers of its load chunks."""
        for number, _ in (await self.advance(job_id)).to_send:
            await self.run_chunk(job_id, number)
        return [number for number, _ in (await self.advance(job_id)).to_send]

    async def advance(self, job_id: uuid.UUID) -> Advanced:
        async with transaction(self.engine, worker_actor(self.tenant_id)) as tx:
            return await advance_job(AdvanceJob(job_id=job_id), tx)

    async def run_chunk(self, job_id: uuid.UUID, number: int) -> None:
        """Do one chunk as a worker does; a refusal of the whole job is recorded."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as scratch:
            work = await self.claim(job_id, number, scratch=Path(scratch))
            try:
                await self.do(work)
            except JobFailed as failed:
                async with transaction(self.engine, worker_actor(self.tenant_id)) as tx:
                    await chunk_store.fail(
                        tx, job_id, number, attempt=work.chunk.attempt, error=f"{failed.code}: {failed.message}",
                        again_in_s=None,
                    )  # fmt: skip

    async def try_again(self, job_id: uuid.UUID, number: int) -> None:
        """The chunk's attempt has failed by the fault of the moment; it is due again."""
        async with transaction(self.engine, worker_actor(self.tenant_id)) as tx:
            attempt = (await tx.conn.execute(_ATTEMPT, {"job_id": job_id, "number": number})).scalar_one()
            await chunk_store.fail(tx, job_id, number, attempt=attempt, error="", again_in_s=0.0, counts=False)

    async def claim(self, job_id: uuid.UUID, number: int, *, scratch: Path) -> Work:
        async with transaction(self.engine, worker_actor(self.tenant_id)) as tx:
            claimed = await chunk_store.claim(tx, job_id, number, worker_id=uuid.uuid4())
            assert claimed is not None, f"chunk {number} is not to be had"
            job = await job_store.get(tx, job_id)
        chunk = Chunk(
            number=number, step=claimed.step, attempt=claimed.attempt, rows=claimed.rows, params=claimed.params
        )
        return Work(job=job, chunk=chunk, engine=self.engine, files=self.files, scratch=scratch, reporter=_unheard)

    async def do(self, work: Work) -> None:
        kind = JOB_KINDS[work.job.kind, work.job.subject]
        match work.chunk.step:
            case "split":
                await kind.split(work)
            case "load":
                await kind.load(work)
            case "finish":
                assert kind.finish is not None
                await kind.finish(work)
            case "render" if rendering.looks_first(work.chunk.params):
                await look_for_books(work)
            case "render":
                books = {uuid.UUID(sr_id) for sr_id in work.chunk.params["sr_ids"]}
                self.rendered.setdefault(work.job.id, set()).update(books)
                async with work.fenced() as tx:
                    await work.complete(tx)

    async def job(self, job_id: uuid.UUID) -> JobRow:
        async with transaction(self.engine, self.admin) as tx:
            return await job_store.get(tx, job_id)

    async def rejects(self, job: JobRow) -> str:
        """The file of rejects, without its byte order mark."""
        assert job.rejects_key is not None
        return b"".join([piece async for piece in await self.files.get(job.rejects_key)]).decode("utf-8-sig")


async def rows_of(connection: asyncpg.Connection, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows as plain tuples."""
    return [tuple(row) for row in await connection.fetch(query, *values)]


def csv_of(header: str, rows: Iterable[str]) -> str:
    return "\n".join([header, *rows]) + "\n"

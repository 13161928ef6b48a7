"""A kind of job made for tests: each row is a region, so that a row loaded twice or never shows in the table."""

import asyncio
import os
import signal
import time

import sqlalchemy as sa

from adapters.postgres.stores import jobs as job_store
from domain.jobs import ChunkCounts, FaultGroup, JobFailed, PlannedChunk
from domain.shared.ids import new_id
from workers.jobs.kind import JobKind, JobKinds
from workers.jobs.work import Work

BAD_PHONE = (FaultGroup(code="bad_phone", column="phone", count=1, example="One is no phone.", example_row=7),)

_INSERT = sa.text("INSERT INTO regions (tenant_id, id, code, name) VALUES (:tenant_id, :id, :code, :code)")
_IMAGE = sa.text(
    "INSERT INTO before_images (tenant_id, job_id, subject, row_id, chunk, after)"
    " VALUES (:tenant_id, :job_id, 'regions', :id, :chunk, '{}')"
)


async def split(work: Work) -> None:
    """`chunks` chunks of `rows` rows; `refuse` makes the file unusable."""
    params = work.job.params
    if params.get("refuse"):
        raise JobFailed("unreadable", "The file is an image. Save it as CSV.")
    await _dawdle(work, params.get("split_seconds", 0))
    if seconds := params.get("thread_seconds"):
        await asyncio.to_thread(time.sleep, seconds)
    planned = [PlannedChunk(rows=params["rows"], params={}) for _ in range(params["chunks"])]
    async with work.fenced() as tx:
        total = params["rows"] * params["chunks"]
        await job_store.plan_chunks(tx, work.job.id, planned, total=total, warnings=["so so"])
        await work.complete(
            tx, ChunkCounts(rejected=params.get("rejected", 0), faults={"bad_phone": 1}, fault_groups=BAD_PHONE)
        )


async def load(work: Work) -> None:
    """Insert the chunk's regions; how long that takes and whether it goes wrong stands in the job's params."""
    params, number = work.job.params, work.chunk.number
    async with work.fenced() as tx:
        for row in range(work.chunk.rows):
            values = {"tenant_id": tx.tenant_id, "id": new_id(), "job_id": work.job.id, "chunk": number}
            await tx.conn.execute(_INSERT, values | {"code": f"{work.job.id}-{number}-{row}"})
            await tx.conn.execute(_IMAGE, values)
            await work.report(row + 1, work.chunk.rows)
        await _dawdle(work, params.get("seconds", 0))
        if number in params.get("die", []) and work.chunk.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in params.get("fail", []) and work.chunk.attempt <= params.get("times", 1):
            message = f"chunk {number} stumbles"
            raise RuntimeError(message)
        if number in params.get("refuse_chunks", []):
            raise JobFailed("refused_here", "This part cannot be loaded.")
        await work.complete(tx, ChunkCounts(created=work.chunk.rows, faults={"late": 1}))


async def finish(work: Work) -> None:
    """Nothing to assemble, but it may take its time."""
    await _dawdle(work, work.job.params.get("finish_seconds", 0))
    async with work.fenced() as tx:
        await job_store.update(tx, work.job.id, rejects_key=f"{work.job.id}/rejects.csv")
        await work.complete(tx)


async def undo(work: Work) -> None:
    """Delete the regions that the job made."""
    async with work.fenced() as tx:
        mine = sa.text("SELECT row_id FROM before_images WHERE tenant_id = :tenant_id AND job_id = :job_id")
        params = {"tenant_id": tx.tenant_id, "job_id": work.job.undo_of}
        ids = (await tx.conn.execute(mine, params)).scalars().all()
        await tx.conn.execute(
            sa.text("DELETE FROM regions WHERE tenant_id = :tenant_id AND id = ANY(:ids)"), {**params, "ids": list(ids)}
        )
        await work.complete(tx, ChunkCounts(updated=work.chunk.rows))


async def split_undo(work: Work) -> None:
    async with work.fenced() as tx:
        job = await job_store.get(tx, work.job.undo_of or work.job.id)
        rows = job.created
        await job_store.plan_chunks(tx, work.job.id, [PlannedChunk(rows=rows, params={})], total=rows)
        await work.complete(tx)


async def _dawdle(work: Work, seconds: float) -> None:
    """Take so long, and notice when nobody wants the result any more."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.02)
        work.check()


KINDS: JobKinds = {
    ("import", "regions"): JobKind(split=split, load=load, finish=finish),
    ("undo", "regions"): JobKind(split=split_undo, load=undo),
}

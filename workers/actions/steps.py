"""The steps of an action on jobs: find them again, act on each, and report what became of it."""

import asyncio
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx, reading
from commands.jobs.cancel_job import CancelJob, cancel_job
from commands.jobs.retry_job import RetryJob, retry_job
from domain.job_actions import OUTCOMES, ActionRequest, ExpectJobs, check_holds, seen
from domain.jobs import ChunkCounts, JobFailed, PlannedChunk
from domain.shared.actor import worker_actor
from domain.shared.errors import Refusal
from domain.shared.spreadsheets import guarded
from queries._jobs_to_act_on import jobs_to_act_on
from workers.job_files import STORAGE_SECONDS, attempt_folder, done_folders, results_folder
from workers.jobs.work import Work

# Each is locked until the chunk commits, and whatever happens to a job waits for that.
_JOBS_AT_ONCE: Final = 20
_COLUMNS: Final = ("job_id", "kind", "subject", "state_before", "outcome", "code", "message")
_PART: Final = "outcomes"
_DECODER: Final = msgspec.json.Decoder(tuple[str, ...])


async def split_action(work: Work) -> None:
    """Plan a chunk for each few jobs, if the filter still means what the preview showed."""
    expect = msgspec.convert(work.job.params["expect"], ExpectJobs)
    request = _request(work)
    async with work.fenced() as tx:
        job_ids = await jobs_to_act_on(tx.conn, tx.tenant_id, request)
        try:
            check_holds(expect, seen(request.action, job_ids))
        except Refusal as refused:
            raise JobFailed(refused.code, refused.message) from refused
        # Newest first, as jobs that end lock those that they undo.
        parts = [job_ids[start : start + _JOBS_AT_ONCE] for start in range(0, len(job_ids), _JOBS_AT_ONCE)]
        planned = [PlannedChunk(rows=len(part), params={"job_ids": [str(one) for one in part]}) for part in parts]
        await job_store.plan_chunks(tx, work.job.id, planned, total=len(job_ids))
        await work.complete(tx)


async def load_action(work: Work) -> None:
    """Act on the jobs of one chunk, in one transaction; one that cannot be acted on any more is reported."""
    request = _request(work)
    lines: list[tuple[str, ...]] = []
    refused: Counter[str] = Counter()
    path = work.scratch / _PART
    async with work.fenced() as tx:
        for job_id in work.chunk.params["job_ids"]:
            line = await _act(tx, request, UUID(job_id))
            lines.append(line)
            if line[-2]:
                refused[line[-2]] += 1
        await asyncio.to_thread(_keep, lines, path)
        async with asyncio.timeout(STORAGE_SECONDS):
            await work.files.put_file(f"{attempt_folder(work)}/{_PART}", path)
        rejected = refused.total()
        counts = ChunkCounts(updated=len(lines) - rejected, rejected=rejected, faults=dict(refused))
        await work.complete(tx, counts)


async def finish_action(work: Work) -> None:
    """Put the reports together: a line for each job."""
    async with reading(work.engine, worker_actor(work.job.tenant_id)) as conn:
        folders = await done_folders(conn, work.job)
    paths = []
    for number, folder in enumerate(folders):
        paths.append(work.scratch / f"{number}.jsonl")
        await work.files.fetch(f"{folder}/{_PART}", paths[-1])
    report = work.scratch / "report.csv"
    await asyncio.to_thread(_assemble, paths, report)
    key = f"{results_folder(work.job)}/{work.chunk.number}-{work.chunk.attempt}.csv"
    await work.files.put_file(key, report)
    async with work.fenced() as tx:
        await job_store.update(tx, work.job.id, result_key=key)
        await work.complete(tx)


async def _act(tx: Tx, request: ActionRequest, job_id: UUID) -> tuple[str, ...]:
    job = await job_store.lock(tx, job_id)
    about = (str(job_id), job.kind, job.subject, job.state)
    try:
        if request.action == "cancel":
            await cancel_job(CancelJob(job_id=job_id, on_cancel=request.on_cancel), tx)
        else:
            await retry_job(RetryJob(job_id=job_id), tx)
    except Refusal as refused:
        return (*about, "refused", refused.code, refused.message)
    return (*about, OUTCOMES[request.action], "", "")


def _keep(lines: Sequence[Any], path: Path) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def _assemble(parts: Sequence[Path], into: Path) -> None:
    with into.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for part in parts:
            for line in part.read_bytes().splitlines():
                writer.writerow(map(guarded, _DECODER.decode(line)))


def _request(work: Work) -> ActionRequest:
    return msgspec.convert(work.job.params["request"], ActionRequest)

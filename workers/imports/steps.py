"""The steps of an import job: split the upload, load its chunks, put the rejects together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import polars as pl

from adapters.ending import end_tasks
from adapters.files import FileMissing
from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import reading, transaction
from domain.imports import FileRefused
from domain.jobs import ChunkCounts, FaultGroup, JobFailed, PlannedChunk, faults_by_code
from domain.shared.actor import worker_actor
from workers.growth import tell_planner
from workers.imports.chunks import read_chunk
from workers.imports.doubts import with_doubts
from workers.imports.fault_groups import fault_groups
from workers.imports.kinds import Kind
from workers.imports.lookups import setting_of
from workers.imports.registry import KINDS
from workers.imports.rejects import RejectWriter, assemble_rejects
from workers.imports.split import Progress, Split, SplitCancelled, doubts_of, split_file
from workers.job_files import attempt_folder, put_reject_part, reject_parts, rejects_key
from workers.jobs.work import Work

_REPORT_EVERY_S = 0.2
_KEYS_AT_ONCE = 10_000


async def split_import(work: Work) -> None:
    """Read and check the whole file, and plan a chunk for each part of its good rows."""
    kind = KINDS[work.job.subject]
    upload = await _upload(work)
    async with reading(work.engine, worker_actor(work.job.tenant_id)) as conn:
        setting = await setting_of(conn, work.job.tenant_id, kind.lookups)
    into = work.scratch / "split"
    into.mkdir()
    seen: list[Progress] = []
    async with _reporting(work, seen):
        try:
            split = await asyncio.to_thread(
                split_file,
                upload,
                kind=kind,
                into=into,
                setting=setting,
                on_progress=seen.append,
                should_stop=lambda: work.stopping,
            )
        except FileRefused as refused:
            raise JobFailed(refused.code, refused.message) from refused
        except SplitCancelled:
            work.check()
            raise
    await _settle_doubts(work, kind, split)
    groups = await asyncio.to_thread(lambda: fault_groups(pl.read_ipc(part) for part in split.reject_parts))
    await _plan(work, split, groups)


async def load_import(work: Work) -> None:
    """Load one chunk, in one transaction with the mark that it is done."""
    kind = KINDS[work.job.subject]
    path = work.scratch / "chunk.arrow"
    await work.files.fetch(work.chunk.params["key"], path)
    frame = await asyncio.to_thread(read_chunk, path)
    async with work.fenced() as tx:
        loaded = await kind.merge(work, tx, kind, frame)
        rejected = loaded.rejects.height
        groups: tuple[FaultGroup, ...] = ()
        if rejected:
            part = work.scratch / "rejects.arrow"
            with RejectWriter(part) as writer:
                writer.add(loaded.rejects)
            groups = fault_groups([loaded.rejects])
            await put_reject_part(work, part)
        counts = ChunkCounts(
            created=loaded.created,
            updated=loaded.updated,
            unchanged=frame.height - rejected - loaded.created - loaded.updated,
            rejected=rejected,
            faults=faults_by_code(groups),
            fault_groups=groups,
        )
        await work.complete(tx, counts)
    if loaded.created + loaded.updated:
        await tell_planner(work, [kind.name])


async def finish_import(work: Work) -> None:
    """Put the file of rejects together from what each step left."""
    actor = worker_actor(work.job.tenant_id)
    async with reading(work.engine, actor) as conn:
        keys = [*work.job.params.get("split_rejects", ()), *await reject_parts(conn, work.job)]
    key: str | None = None
    if keys:
        upload = await _upload(work)
        paths = []
        for number, part in enumerate(keys):
            paths.append(work.scratch / f"part-{number}.arrow")
            await work.files.fetch(part, paths[-1])
        rejects = work.scratch / "rejects.csv"
        await asyncio.to_thread(assemble_rejects, upload, parts=paths, into=rejects)
        key = rejects_key(work.job)
        await work.files.put_file(key, rejects)
    warning = KINDS[work.job.subject].warning_if_created
    async with work.fenced() as tx:
        warnings = list(work.job.warnings)
        if warning and not work.job.dry_run and (await chunk_store.tally(tx, work.job.id)).counts.created:
            warnings = list(dict.fromkeys([*warnings, warning]))
        await job_store.update(tx, work.job.id, rejects_key=key, warnings=warnings)
        await work.complete(tx)


async def _upload(work: Work) -> Path:
    gone = JobFailed("upload_missing", "The uploaded file is no longer kept: upload it again.")
    if work.job.upload_key is None:
        raise gone
    path = work.scratch / "upload"
    try:
        await work.files.fetch(work.job.upload_key, path)
    except FileMissing as missing:
        raise gone from missing
    return path


async def _settle_doubts(work: Work, kind: Kind, split: Split) -> None:
    """Tell what else is wrong with rejected rows whose key is not there: all faults of a row are told at once."""
    if kind.existing is None:
        return
    for part in split.reject_parts:
        if not doubts_of(part).exists():
            continue
        doubtful = await asyncio.to_thread(pl.read_parquet, doubts_of(part))
        existing: list[str] = []
        for keys in doubtful["_key"].unique().to_frame().iter_slices(_KEYS_AT_ONCE):
            work.check()
            async with transaction(work.engine, worker_actor(work.job.tenant_id)) as tx:
                existing += await kind.existing(tx, keys["_key"].to_list())
        rejects = await asyncio.to_thread(with_doubts, kind, pl.read_ipc(part), doubtful, existing)
        with RejectWriter(part) as writer:
            writer.add(rejects)


async def _plan(work: Work, split: Split, groups: tuple[FaultGroup, ...]) -> None:
    folder = attempt_folder(work)
    planned = []
    for chunk in split.chunks:
        key = f"{folder}/{chunk.path.name}"
        await work.files.put_file(key, chunk.path)
        planned.append(PlannedChunk(rows=chunk.rows, params={"key": key}))
    parts = []
    for part in split.reject_parts:
        parts.append(f"{folder}/{part.name}")
        await work.files.put_file(parts[-1], part)
    async with work.fenced() as tx:
        await job_store.update(tx, work.job.id, params={**work.job.params, "split_rejects": parts})
        await job_store.plan_chunks(tx, work.job.id, planned, total=split.rows, warnings=split.warnings)
        await work.complete(
            tx, ChunkCounts(rejected=split.rejected, faults=faults_by_code(groups), fault_groups=groups)
        )


@contextlib.asynccontextmanager
async def _reporting(work: Work, seen: list[Progress]) -> AsyncIterator[None]:
    """Tell how far the splitting thread is, by what it appends to `seen`."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            if seen:
                await work.report(seen[-1].bytes_done, seen[-1].bytes_total, unit="bytes")

    teller = asyncio.create_task(tell())
    try:
        yield
    finally:
        await end_tasks([teller], seconds=2)

"""The steps of an export: count the lines, write them as one file, and clear away what other attempts have left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from adapters.ending import end_tasks
from adapters.files import PIECE_BYTES
from adapters.postgres.copy import copy_query
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import reading
from domain.exports import MAX_SHEET_ROWS, ExportRequest, too_many_sheet_rows
from domain.jobs import ChunkCounts, JobFailed, PlannedChunk
from domain.shared.actor import worker_actor
from workers.exports.registry import KINDS
from workers.exports.sheets import write_sheet
from workers.job_files import results_folder
from workers.jobs.work import Work

# Pieces between the database and the storage: enough that neither waits for the other's hiccups.
_IN_FLIGHT: Final = 8
_ABORT_SECONDS: Final = 1.0


async def split_export(work: Work) -> None:
    """Count the lines, for whoever watches, and refuse a workbook that nobody could open."""
    request = _request(work)
    async with reading(work.engine, worker_actor(work.job.tenant_id)) as conn:
        lines = await KINDS[request.list_name].counted(conn, work.job.tenant_id, request.filter)
    _check_fits(request, lines)
    async with work.fenced() as tx:
        await job_store.plan_chunks(tx, work.job.id, [PlannedChunk(rows=lines, params={})], total=lines)
        await work.complete(tx)


async def load_export(work: Work) -> None:
    """Write the whole file, as the list is at one moment; the job names it only once it is there."""
    request = _request(work)
    key = f"{results_folder(work.job)}/{work.chunk.number}-{work.chunk.attempt}.{request.format}"
    written = await (_csv(work, request, key) if request.format == "csv" else _xlsx(work, request, key))
    async with work.fenced() as tx:
        await job_store.update(tx, work.job.id, result_key=key)
        await work.complete(tx, ChunkCounts(unchanged=written), replanned=True)


async def finish_export(work: Work) -> None:
    """Delete what attempts that came to nothing have stored all the same."""
    kept = work.job.result_key
    left = [name async for name, _ in work.files.names(results_folder(work.job)) if name != kept]
    await work.files.delete(*left)
    async with work.fenced() as tx:
        await work.complete(tx)


async def _csv(work: Work, request: ExportRequest, key: str) -> int:
    """From the database into the storage, piece by piece."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_IN_FLIGHT)
    putting = asyncio.create_task(work.files.put(key, _until_none(pieces)))
    # Nobody waits for room in front of a storage that has given up.
    putting.add_done_callback(lambda _: _empty(pieces))
    gathered: list[bytes] = []
    size = lines = 0

    async def take(piece: bytes) -> None:
        nonlocal size, lines
        work.check()
        if putting.done():
            await putting
        gathered.append(piece)
        size += len(piece)
        lines += piece.count(b"\n")
        if size >= PIECE_BYTES:
            await pieces.put(b"".join(gathered))
            gathered.clear()
            size = 0
            await work.report(min(lines, work.chunk.rows), work.chunk.rows)

    try:
        async with reading(work.engine, worker_actor(work.job.tenant_id), snapshot=True) as conn:
            query = await KINDS[request.list_name].lines(conn, work.job.tenant_id, request.filter)
            written = await copy_query(conn, query, take)
        await pieces.put(b"".join(gathered))
        await pieces.put(None)
        await putting
    finally:
        # Dropped while it is stored, an object is not there at all.
        await end_tasks([putting], seconds=_ABORT_SECONDS)
    return written


async def _xlsx(work: Work, request: ExportRequest, key: str) -> int:
    kind, path, workbook = KINDS[request.list_name], work.scratch / "lines.csv", work.scratch / "result.xlsx"
    async with reading(work.engine, worker_actor(work.job.tenant_id), snapshot=True) as conn:
        written = await copy_query(conn, await kind.lines(conn, work.job.tenant_id, request.filter), path)
    _check_fits(request, written)
    numbers = frozenset(column.name for column in kind.columns if column.is_number)
    done: list[int] = []
    await _watched(work, path, workbook, kind.name, numbers, done)
    await work.files.put_file(key, workbook)
    return written


async def _watched(work: Work, path: Path, into: Path, name: str, numbers: frozenset[str], done: list[int]) -> None:
    def go_on(lines: int) -> bool:
        done.append(lines)
        return not work.stopping

    writing = asyncio.create_task(asyncio.to_thread(write_sheet, path, into, name=name, numbers=numbers, go_on=go_on))
    while not writing.done():
        await asyncio.wait({writing}, timeout=0.2)
        await work.report(done[-1] if done else 0, work.chunk.rows)
    await writing
    work.check()


async def _until_none(pieces: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (piece := await pieces.get()) is not None:
        yield piece


def _empty(pieces: asyncio.Queue[bytes | None]) -> None:
    while not pieces.empty():
        pieces.get_nowait()


def _request(work: Work) -> ExportRequest:
    return msgspec.convert(work.job.params, ExportRequest)


def _check_fits(request: ExportRequest, lines: int) -> None:
    if request.format == "xlsx" and lines > MAX_SHEET_ROWS:
        raise JobFailed("too_many_sheet_rows", too_many_sheet_rows(lines))

"""The steps of an assignment job: plan who gets which retailer, then move them chunk by chunk."""

import asyncio
import functools
import operator
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import polars as pl

from adapters.postgres.stores import assignments_bulk, loans, named_retailers
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from commands.jobs._planned import wait_with_plan
from domain.assignments import (
    NOBODY,
    AssignmentRequest,
    Drifted,
    Expect,
    RetailersAssigned,
    UnknownSrs,
    Weighed,
    check_holds,
    deal,
    digest,
    share_out,
)
from domain.jobs import ChunkCounts, JobFailed, PlannedChunk
from queries._selected_retailers import check_targets, elsewhere_held, selected
from workers.growth import tell_planner
from workers.job_files import attempt_folder
from workers.jobs.work import Work
from workers.left_out import LeftOut, finish_left_out, keep_left_out

# About a second's transaction.
_CHUNK_ROWS: Final = 20_000
_SELECTED: Final = {"retailer_id": pl.String, "sr_id": pl.String, "hash_a": pl.Int64, "hash_b": pl.Int64}
_SENTENCES: Final = {
    assignments_bulk.HOLDER_CHANGED: "Somebody else has assigned it since the preview: look at it and assign it again.",
    assignments_bulk.RETAILER_GONE: "It was deleted since the preview.",
    assignments_bulk.SR_UNAVAILABLE: "Its new SR is no longer active: assign it to somebody else.",
}


async def split_assignment(work: Work) -> None:
    """Plan every move, if the selection still is what the preview showed."""
    request = msgspec.convert(work.job.params["request"], AssignmentRequest)
    expect = msgspec.convert(work.job.params["expect"], Expect)
    path = work.scratch / "selected.csv"
    async with work.fenced() as tx:
        try:
            await check_targets(tx.conn, tx.tenant_id, request.to or ())
        except UnknownSrs as refused:
            raise JobFailed(refused.code, refused.message) from refused
        select = await named_retailers.get(tx, work.job.id) or request.select
        query = await selected(tx.conn, tx.tenant_id, select)
        await assignments_bulk.write_selection(tx, query, path)
        frame = await asyncio.to_thread(pl.read_csv, path, has_header=False, schema=_SELECTED)
        held = await asyncio.to_thread(_held, frame)
        elsewhere = await elsewhere_held(tx.conn, tx.tenant_id, request.to or (), {})
        returning = {} if work.job.starts_on is None else await loans.returning(tx, until=work.job.starts_on)
    now = await asyncio.to_thread(_state, frame)
    try:
        check_holds(expect, now)
    except Drifted as refused:
        raise JobFailed(refused.code, refused.message) from refused
    beside = {sr_id: count - held.get(sr_id, 0) for sr_id, count in elsewhere.items()}
    frame = _on_the_day(frame, returning)
    await _plan(work, await asyncio.to_thread(_moves, frame, request, Weighed(now, held, beside)))


async def load_assignment(work: Work) -> None:
    """Make the moves of one chunk, in one transaction with the mark that it is done."""
    path = work.scratch / "moves.csv"
    await work.files.fetch(work.chunk.params["key"], path)
    csv = await asyncio.to_thread(path.read_bytes)
    async with work.fenced() as tx:
        await assignments_bulk.stage_moves(tx, csv)
        await move_staged(work, tx, _SENTENCES, then=_lending(work))
    await tell_planner(work, ["assignments"])


async def move_staged(
    work: Work,
    tx: Tx,
    sentences: dict[str, str],
    *,
    code: str | None = None,
    then: Callable[[Tx], Awaitable[None]] | None = None,
    replanned: bool = False,
) -> None:
    """Make the staged moves, then `then`, and complete the chunk; `code` stands for every reason not to move.

    `replanned`: there may be other moves than when the chunk was planned.
    """
    exceptions = await assignments_bulk.take_out_exceptions(tx)
    moved = await assignments_bulk.move(tx, job_id=work.job.id, chunk=work.chunk.number)
    if moved.created or moved.updated:
        tx.emit(RetailersAssigned(job_id=work.job.id, chunk=work.chunk.number))
        if then is not None:
            await then(tx)
    faults = await keep_left_out(
        work, (LeftOut(one.uid, one.name, code or one.reason, sentences[one.reason]) for one in exceptions)
    )
    counts = ChunkCounts(
        created=moved.created,
        updated=moved.updated,
        unchanged=moved.unchanged,
        rejected=len(exceptions),
        faults=faults,
    )
    await work.complete(tx, counts, replanned=replanned)


def _lending(work: Work) -> Callable[[Tx], Awaitable[None]] | None:
    if work.job.returns_on is None:
        return None
    return functools.partial(loans.lend, job_id=work.job.id)


async def finish_assignment(work: Work) -> None:
    """List the retailers that could not be moved."""
    await finish_left_out(work, key_column="uid")


def _held(frame: pl.DataFrame) -> dict[UUID | None, int]:
    counts = frame["sr_id"].value_counts()
    return {None if sr_id is None else UUID(sr_id): count for sr_id, count in counts.iter_rows()}


def _state(frame: pl.DataFrame) -> Expect:
    exclusive_or = functools.reduce(operator.xor, frame["hash_a"].to_list(), 0)
    total = sum(frame["hash_b"].to_list())
    return Expect(count=frame.height, digest=digest(frame.height, exclusive_or, total))


def _on_the_day(frame: pl.DataFrame, returning: Mapping[UUID, UUID | None]) -> pl.DataFrame:
    """Who will have each retailer when the job's day begins: of one day returns come first."""
    if not returning:
        return frame
    ids = [str(retailer_id) for retailer_id in returning]
    lenders = [None if lender is None else str(lender) for lender in returning.values()]
    place = pl.col("retailer_id").replace_strict(ids, range(len(ids)), default=None, return_dtype=pl.UInt32)
    lender = pl.lit(pl.Series(lenders, dtype=pl.String)).gather(place)
    return frame.with_columns(sr_id=pl.when(place.is_null()).then("sr_id").otherwise(lender))


def _moves(frame: pl.DataFrame, request: AssignmentRequest, weighed: Weighed) -> pl.DataFrame:
    """(retailer_id, holder, target), retailers of one SR together."""
    planned = frame.select("retailer_id", holder="sr_id")
    if request.to is None:
        return planned.with_columns(target=pl.lit(None, pl.String))
    targets = [str(sr_id) for sr_id in request.to]
    places = planned["holder"].replace_strict(targets, range(len(targets)), default=NOBODY, return_dtype=pl.Int64)
    dealt = pl.Series("place", deal(places.fill_null(NOBODY).to_list(), share_out(request, weighed)), pl.Int64)
    names = pl.Series("target", targets, pl.String)
    return (
        planned.with_columns(dealt, names.gather(dealt).alias("target"))
        .sort("place", maintain_order=True)
        .drop("place")
    )


async def _plan(work: Work, moves: pl.DataFrame) -> None:
    folder = attempt_folder(work)
    planned = []
    for number, part in enumerate(moves.iter_slices(_CHUNK_ROWS)):
        path: Path = work.scratch / f"moves-{number:05d}.csv"
        await asyncio.to_thread(part.write_csv, path, include_header=False)
        key = f"{folder}/{path.name}"
        await work.files.put_file(key, path)
        planned.append(PlannedChunk(rows=part.height, params={"key": key}))
    async with work.fenced() as tx:
        await job_store.plan_chunks(tx, work.job.id, planned, total=moves.height)
        await named_retailers.delete(tx, work.job.id)
        await wait_with_plan(tx, work.job.id)
        await work.complete(tx)

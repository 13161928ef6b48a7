"""How the rows of each kind of file get into the database, and what of them cannot."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import polars as pl

from adapters.postgres.stores import retailers_bulk, territories_bulk
from adapters.postgres.transaction import Tx
from domain import imports
from domain.imported import RetailersImported, TerritoriesImported
from workers.imports.chunks import copy_csv, keys_to_look_up, settle
from workers.imports.kinds import Kind
from workers.imports.rejects import reject_rows
from workers.jobs.work import Work


class Loaded(NamedTuple):
    """What became of a chunk: how many rows created and updated, and the rejected ones."""

    created: int
    updated: int
    rejects: pl.DataFrame


Merge: TypeAlias = Callable[[Work, Tx, Kind, pl.DataFrame], Awaitable[Loaded]]


async def merge_retailers(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create and update retailers; a dry run only counts."""
    existing = await retailers_bulk.existing_uids(tx, keys_to_look_up(kind, frame))
    settled = settle(kind, frame, existing=existing)
    await retailers_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows))
    gone = await retailers_bulk.drop_unresolved(tx)
    rejects = [settled.rejects]
    for column, rows in gone.items():
        rejects.append(reject_rows(rows, imports.gone(column)))
    if work.job.dry_run:
        merged = await retailers_bulk.foresee(tx, clear_bits=kind.clear_bits)
    else:
        merged = await retailers_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number, clear_bits=kind.clear_bits)
        if merged.created or merged.updated:
            tx.emit(RetailersImported(job_id=work.job.id, chunk=work.chunk.number))
    return Loaded(merged.created, merged.updated, pl.concat(rejects))


async def merge_territories(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create, rename and move regions, areas and territories; a dry run only counts."""
    settled = settle(kind, frame, existing=())
    await territories_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows))
    foreseen = await territories_bulk.foresee(tx)
    if not work.job.dry_run and (foreseen.created or foreseen.updated):
        await territories_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number)
        tx.emit(TerritoriesImported(job_id=work.job.id, chunk=work.chunk.number))
    return Loaded(foreseen.created, foreseen.updated, settled.rejects)


# By kind of file.
MERGES: Final[Mapping[str, Merge]] = MappingProxyType({"retailers": merge_retailers, "territories": merge_territories})

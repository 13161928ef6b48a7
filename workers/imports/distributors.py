"""Files of distributors: who delivers, found again by their code."""

from typing import Final

import polars as pl

from adapters.postgres.stores import distributors_bulk
from adapters.postgres.transaction import Tx
from domain.distributors import DistributorCreated, DistributorUpdated
from domain.shared import text
from workers.imports.chunks import copy_csv, keys_to_look_up, settle
from workers.imports.columns import Code, Text
from workers.imports.kinds import Column, Kind, Loaded
from workers.jobs.work import Work


async def _merge(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create and rename distributors; a dry run only counts."""
    existing = await distributors_bulk.existing_codes(tx, keys_to_look_up(kind, frame))
    settled = settle(kind, frame, existing=existing)
    await distributors_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows))
    if work.job.dry_run:
        foreseen = await distributors_bulk.foresee(tx)
        return Loaded(foreseen.created, foreseen.updated, settled.rejects)
    merged = await distributors_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number)
    # What they touch is left to the job, which renders the books before it ends.
    for distributor_id in merged.created:
        tx.emit(DistributorCreated(distributor_id=distributor_id))
    for distributor_id in merged.updated:
        tx.emit(DistributorUpdated(distributor_id=distributor_id))
    return Loaded(len(merged.created), len(merged.updated), settled.rejects)


KIND: Final = Kind(
    name="distributors",
    noun="distributors",
    key="code",
    columns=(
        Column(name="code", check=Code(), staged=("code", "text"), required=True),
        Column(
            name="name",
            check=Text(text.MAX_NAME_LENGTH, blank=False),
            staged=("name", "text"),
            needed_to_create=True,
        ),
    ),
    existing=distributors_bulk.existing_codes,
    merge=_merge,
)

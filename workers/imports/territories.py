"""Files of territories: regions, their areas and the areas' territories, one territory a row."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from adapters.postgres.stores import territories_bulk
from adapters.postgres.transaction import Tx
from domain import imports
from domain.imported import TerritoriesImported
from domain.imports import RowFault
from domain.shared import text
from workers.imports.chunks import copy_csv, settle
from workers.imports.columns import Code, Text
from workers.imports.kinds import Column, Kind, Loaded
from workers.jobs.work import Work

# Far more than any country has; a file is reviewed as a whole, so it must fit into memory.
_MAX_TERRITORIES: Final = 200_000
_PARENTS: Final = (
    ("region_code", ("region_name",)),
    ("area_code", ("area_name", "region_code")),
)


def _review(frame: pl.DataFrame) -> Sequence[tuple[int, RowFault]]:
    """Rows that say something else of a region or an area than most rows do, or than the first of equally many."""
    found: dict[int, RowFault] = {}
    for code, said in _PARENTS:
        for column in said:
            for row, fault in _contradictions(frame, code, column):
                found.setdefault(row, fault)
    return sorted(found.items())


def _contradictions(frame: pl.DataFrame, code: str, column: str) -> Iterator[tuple[int, RowFault]]:
    said = frame.group_by(code, column).agg(pl.len().alias("count"), pl.col("_row").min().alias("right_row"))
    right = (
        said.sort(["count", "right_row"], descending=[True, False])
        .group_by(code, maintain_order=True)
        .first()
        .select(code, pl.col(column).alias("right"), "right_row")
    )
    wrong = frame.join(right, on=code).filter(pl.col(column) != pl.col("right")).sort("_row")
    for row, group, value, other, other_row in wrong.select("_row", code, column, "right", "right_row").iter_rows():
        yield row, imports.contradiction(column, value, group, other, other_row)


async def _merge(work: Work, tx: Tx, kind: Kind, frame: pl.DataFrame) -> Loaded:
    """Create, rename and move regions, areas and territories; a dry run only counts."""
    settled = settle(kind, frame, existing=())
    await territories_bulk.stage(tx, kind.staging, copy_csv(kind, settled.rows))
    foreseen = await territories_bulk.foresee(tx)
    if not work.job.dry_run and (foreseen.created or foreseen.updated):
        await territories_bulk.merge(tx, job_id=work.job.id, chunk=work.chunk.number)
        tx.emit(TerritoriesImported(job_id=work.job.id, chunk=work.chunk.number))
    return Loaded(foreseen.created, foreseen.updated, settled.rejects)


def _column(name: str) -> Column:
    check = Code() if name.endswith("_code") else Text(text.MAX_NAME_LENGTH, blank=False)
    return Column(name=name, check=check, staged=(name, "text"), required=True)


KIND: Final = Kind(
    name="territories",
    noun="territories",
    key="territory_code",
    columns=tuple(
        _column(name)
        for name in ("region_code", "region_name", "area_code", "area_name", "territory_code", "territory_name")
    ),
    review=_review,
    merge=_merge,
    max_rows=_MAX_TERRITORIES,
)

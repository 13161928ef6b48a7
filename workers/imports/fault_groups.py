"""Rejected rows counted by what is wrong with them."""

from collections.abc import Iterable

import polars as pl

from domain.jobs import FaultGroup
from workers.imports.rejects import SEPARATOR


def fault_groups(frames: Iterable[pl.DataFrame]) -> tuple[FaultGroup, ...]:
    """How often each code stands in each column, with the first row as an example; frames are like REJECT_SCHEMA."""
    found = [_counted(frame) for frame in frames]
    if not found:
        return ()
    groups = pl.concat(found).sort("example_row", maintain_order=True).group_by("code", "column", maintain_order=True)
    merged = groups.agg(pl.col("count").sum(), pl.col("example", "example_row").first())
    ordered = merged.sort("count", "code", "column", descending=[True, False, False])
    return tuple(FaultGroup(**row) for row in ordered.iter_rows(named=True))


def _counted(rejects: pl.DataFrame) -> pl.DataFrame:
    # A sentence that stands alone may hold a separator; where there are several, `check` has seen to it that none does.
    several = pl.col("_code").str.contains(SEPARATOR, literal=True)
    told = pl.when(several).then(pl.col("_message").str.split(SEPARATOR)).otherwise(pl.concat_list("_message"))
    each = rejects.select(
        pl.col("_row").alias("example_row"),
        pl.col("_code").str.split(SEPARATOR).alias("code"),
        pl.col("_column").str.split(SEPARATOR).alias("column"),
        told.alias("example"),
    ).explode("code", "column", "example")
    groups = each.sort("example_row", maintain_order=True).group_by("code", "column", maintain_order=True)
    return groups.agg(pl.len().cast(pl.Int64).alias("count"), pl.col("example", "example_row").first())

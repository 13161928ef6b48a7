"""Rejected rows of which only the database knows whether even more is wrong with them: with a key that is not there."""

from collections.abc import Collection
from typing import Final

import polars as pl

from domain import imports
from workers.imports.kinds import Kind
from workers.imports.rejects import SEPARATOR, reject_frame

# `_lacks`: the columns without which the row can create nothing, separated by commas.
DOUBT_SCHEMA: Final = pl.Schema({"_row": pl.UInt32, "_key": pl.String, "_lacks": pl.String})


def doubts(kind: Kind, faulty: pl.DataFrame) -> pl.DataFrame:
    """Those of the rows in `faulty` (with `code.<column>` for each column of the file) whose key must be looked up."""
    if kind.existing is None:
        return pl.DataFrame(schema=DOUBT_SCHEMA)
    lacking = []
    for staged, name in kind.needed_to_create.items():
        untold = pl.lit(value=True)
        if f"code.{name}" in faulty.columns:
            untold = pl.col(staged).is_null() & pl.col(f"code.{name}").is_null()
        lacking.append(pl.when(untold).then(pl.lit(name)))
    lacks = pl.concat_str(lacking, separator=",", ignore_nulls=True) if lacking else pl.lit("")
    return (
        faulty.filter(pl.col(f"code.{kind.key}").is_null())
        .select("_row", pl.col(kind.key).alias("_key"), lacks.alias("_lacks"))
        .filter((pl.col("_lacks") != "") | pl.lit(kind.unknown_key is not None))
        .cast(DOUBT_SCHEMA)
    )


def with_doubts(kind: Kind, rejects: pl.DataFrame, doubtful: pl.DataFrame, existing: Collection[str]) -> pl.DataFrame:
    """The rejects with what else is wrong with the doubtful ones, given those of their keys that exist."""
    absent = doubtful.filter(~pl.col("_key").is_in(list(existing)))
    unknown = kind.unknown_key
    more = reject_frame(
        (row, imports.needed_to_create(key, lacks.split(",")) if unknown is None else unknown(key))
        for row, key, lacks in absent.iter_rows()
    ).with_columns(pl.col("_message").str.replace_all(SEPARATOR, "|", literal=True))
    joined = rejects.join(more, on="_row", how="left", suffix=".more", maintain_order="left")
    told = [
        pl.when(pl.col("_code.more").is_null())
        .then(pl.col(name))
        .otherwise(pl.concat_str(pl.col(name), pl.col(f"{name}.more"), separator=SEPARATOR))
        .alias(name)
        for name in ("_column", "_code", "_message")
    ]
    return joined.select("_row", *told)

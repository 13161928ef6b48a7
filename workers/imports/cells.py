"""The rules of `domain` about single cells, applied to whole columns."""

from collections.abc import Callable

import polars as pl

from domain.imports import CLEAR
from domain.shared import spreadsheets, text


def not_admissible(cell: pl.Expr, *, multiline: bool = False) -> pl.Expr:
    """Whether a text holds what no field admits; UTF-8 cannot hold halves of UTF-16 pairs, so those need no look."""
    return cell.str.contains(text.CONTROL_BUT_LINES if multiline else text.CONTROL_BUT_TAB)


def guarded(cell: pl.Expr) -> pl.Expr:
    """Cells as an export writes them."""
    return pl.when(_runs(cell, spreadsheets.RUN_BY_SPREADSHEET)).then(cell.str.replace("^", "'")).otherwise(cell)


def unguarded(cell: pl.Expr) -> pl.Expr:
    """Cells as an import reads them."""
    return pl.when(_runs(cell, spreadsheets.QUOTED_FOR_SPREADSHEET)).then(cell.str.slice(1)).otherwise(cell)


def _runs(cell: pl.Expr, pattern: str) -> pl.Expr:
    return cell.str.contains(pattern) & ~cell.str.strip_chars_start("'").str.contains(spreadsheets.HARMLESS)


def unguarded_column(column: pl.Series) -> pl.Series:
    """The same for a column that seldom needs it: one cheap look instead of two patterns per cell."""
    if not column.str.starts_with("'").any():
        return column
    return column.to_frame().select(unguarded(pl.col(column.name))).to_series()


def composed(cell: pl.Expr) -> pl.Expr:
    """Text in Unicode's composed form (NFC)."""

    def compose(column: pl.Series) -> pl.Series:
        # ASCII is composed already, and composing it anyway was half the cost of checking a file.
        if column.str.len_bytes().sum() == column.str.len_chars().sum():
            return column
        return column.str.normalize("NFC")

    return cell.map_batches(compose, return_dtype=pl.String)


def is_clear(cell: pl.Expr) -> pl.Expr:
    r"""Whether a cell says `\N`: empty the stored value."""
    return cell == CLEAR


def said(values: pl.Expr, sentence: Callable[[str], str | None]) -> pl.Expr:
    """What a function says of each value, asked once per distinct value."""

    def say(series: pl.Series) -> pl.Series:
        distinct = series.drop_nulls().unique()
        said_of = pl.DataFrame({"value": distinct, "said": pl.Series(map(sentence, distinct), dtype=pl.String)})
        given = series.to_frame("value")
        return given.join(said_of, on="value", how="left", maintain_order="left")["said"].alias(series.name)

    return values.map_batches(say, return_dtype=pl.String)

"""Check all columns of all rows of a batch at once: what may be loaded, and what is rejected with all its faults."""

from functools import partial
from typing import NamedTuple

import polars as pl

from domain import imports
from workers.imports.cells import is_clear, said, unguarded_column
from workers.imports.columns import Text
from workers.imports.doubts import doubts
from workers.imports.headers import Header
from workers.imports.kinds import Column, Kind, Rule, Setting
from workers.imports.records import Batch
from workers.imports.references import Resolution
from workers.imports.rejects import REJECT_SCHEMA, SEPARATOR, reject_frame


class Checked(NamedTuple):
    """`good` has the kind's staging columns as text, `rejects` the columns of a file of rejects.

    `doubts` are those of the rejects whose keys must be looked up to know all that is wrong with them.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame
    doubts: pl.DataFrame


class Checker:
    """Checks the batches of one file."""

    def __init__(self, kind: Kind, header: Header, setting: Setting) -> None:
        self._kind = kind
        self._header = header
        self._setting = setting
        self._columns = [column for column in kind.columns if column.name in header.positions]
        self._resolutions = [Resolution(resolver) for resolver in kind.resolvers(setting)]
        self._rules = {column.name: self._rules_of(column) for column in self._columns}

    def check(self, batch: Batch) -> Checked:
        """Split a batch into what is good and what is not; no row is lost."""
        outright = dict(batch.faults)
        cells = batch.cells
        if self._header.marks is not None:
            marked = pl.col(f"c{self._header.marks}").str.strip_chars() == imports.SUPERSEDED
            outright |= dict.fromkeys(cells.filter(marked)["_row"].to_list(), imports.still_superseded())
        rejects = [reject_frame((row, fault) for row, fault in outright.items())]
        if outright:
            cells = cells.filter(~pl.col("_row").is_in(list(outright)))
        values = self._values(cells)
        codes = [f"code.{column.name}" for column in self._columns]
        coded = values.with_columns(self._code(column).alias(f"code.{column.name}") for column in self._columns)
        faulty = coded.filter(pl.any_horizontal(pl.col(codes).is_not_null()))
        if faulty.height:
            rejects.append(self._rejected(faulty))
            coded = coded.filter(pl.all_horizontal(pl.col(codes).is_null()))
        return Checked(coded.select(self._staged()), pl.concat(rejects), doubts(self._kind, faulty))

    def _values(self, cells: pl.DataFrame) -> pl.DataFrame:
        given = cells.select(
            "_row",
            *(
                unguarded_column(cells[f"c{self._header.positions[column.name]}"]).alias(f"cell.{column.name}")
                for column in self._columns
            ),
        ).with_columns(self._given(column).alias(f"cell.{column.name}") for column in self._columns)
        clear = {column.name: is_clear(pl.col(f"cell.{column.name}")) for column in self._columns}
        frame = given.with_columns(
            column.check.value(pl.when(~clear[column.name]).then(pl.col(f"cell.{column.name}")), self._setting).alias(
                column.name
            )
            for column in self._columns
        )
        for resolution in self._resolutions:
            frame = resolution.apply(frame)
        return frame

    def _given(self, column: Column) -> pl.Expr:
        """The cell, trimmed unless it is free text, or null when nothing is left."""
        cell = pl.col(f"cell.{column.name}")
        if not isinstance(column.check, Text):
            cell = cell.str.strip_chars()
        return pl.when(cell != "").then(cell)

    def _rules_of(self, column: Column) -> list[Rule]:
        name = column.name
        cell, value = pl.col(f"cell.{name}"), pl.col(name)
        rules = []
        if column.required:
            rules.append(Rule(imports.REQUIRED, cell.is_null(), pl.lit(name), imports.required))
        if not column.clearable and column.cleared_to is None:
            rules.append(Rule(imports.NOT_CLEARABLE, is_clear(cell), pl.lit(name), imports.not_clearable))
        given = cell.is_not_null() & ~is_clear(cell)
        rules += [rule._replace(bad=given & rule.bad) for rule in column.check.rules(name, cell, value, self._setting)]
        return rules + [self._pair_rule(name, pair) for pair in self._kind.pairs if name in pair]

    def _pair_rule(self, name: str, pair: tuple[str, str]) -> Rule:
        other = pair[1 - pair.index(name)]
        has_other = other in self._header.positions
        cell = pl.col(f"cell.{name}")
        second = pl.col(f"cell.{other}") if has_other else pl.lit(None, pl.String)
        # Told once: at the column that lacks its value if the file has it, and at the first if one of two is `\N`.
        alone = cell.is_null() & second.is_not_null() if has_other else cell.is_not_null()
        at_odds = (is_clear(cell) != is_clear(second)).fill_null(value=False) & pl.lit(name == pair[0])
        sentence = partial(imports.incomplete_pair, *pair)
        return Rule(imports.INCOMPLETE_POSITION, alone | at_odds, pl.coalesce(second, cell), sentence)

    def _code(self, column: Column) -> pl.Expr:
        rules = self._rules[column.name]
        told = [pl.when(rule.bad).then(pl.lit(rule.code)) for rule in rules]
        return pl.coalesce(*told, self._found(column, "found"))

    def _found(self, column: Column, what: str) -> pl.Expr:
        added = {name for resolution in self._resolutions for name in resolution.added_columns}
        name = f"{what}.{column.name}"
        return pl.col(name) if name in added else pl.lit(None, pl.String)

    def _rejected(self, faulty: pl.DataFrame) -> pl.DataFrame:
        names = [column.name for column in self._columns]
        messages = []
        for column in self._columns:
            told = [
                pl.when(rule.bad).then(said(pl.when(rule.bad).then(rule.shows), rule.sentence))
                for rule in self._rules[column.name]
            ]
            message = pl.coalesce(*told, self._found(column, "found_message"))
            messages.append(message.str.replace_all(SEPARATOR, "|", literal=True).alias(f"message.{column.name}"))
        frame = faulty.with_columns(messages)
        return frame.select(
            pl.col("_row"),
            _joined([pl.when(pl.col(f"code.{name}").is_not_null()).then(pl.lit(name)) for name in names], "_column"),
            _joined([pl.col(f"code.{name}") for name in names], "_code"),
            _joined([pl.col(f"message.{name}") for name in names], "_message"),
        ).cast(REJECT_SCHEMA)

    def _staged(self) -> list[pl.Expr]:
        present = {column.name for column in self._columns}
        bits = self._kind.clear_bits
        clear = [pl.lit(0, pl.Int32)]
        staged = [pl.col("_row")]
        for column in self._kind.columns:
            if column.staged is None:
                continue
            target = column.staged[0]
            if column.name not in present:
                staged.append(pl.lit(None, pl.String).alias(target))
                continue
            cleared = is_clear(pl.col(f"cell.{column.name}")).fill_null(value=False)
            if target in bits:
                clear.append(pl.when(cleared).then(pl.lit(bits[target], pl.Int32)).otherwise(0))
            value = pl.col(target if target != column.name else column.name)
            value = pl.when(value != "").then(value)
            if column.cleared_to is not None:
                value = pl.when(cleared).then(pl.lit(column.cleared_to)).otherwise(value)
            staged.append(value.alias(target))
        return [*staged, pl.sum_horizontal(clear).cast(pl.Int32).alias("_clear")]


def _joined(parts: list[pl.Expr], name: str) -> pl.Expr:
    return pl.concat_str(parts, separator=SEPARATOR, ignore_nulls=True).alias(name)

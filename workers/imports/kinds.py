"""What one kind of import file looks like: its columns, what they admit and what becomes of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

import polars as pl

from adapters.postgres.transaction import Tx
from domain.imports import RowFault
from workers.jobs.work import Work


class Setting(NamedTuple):
    """What the rows of an organisation are checked against.

    `country` is ISO 3166 with two letters. `lookups` are tables of what the file may refer to, by list name.
    """

    country: str
    lookups: Mapping[str, pl.DataFrame] = {}


class Rule(NamedTuple):
    """A fault of a column: when it is one, its code, and the sentence made from the value shown."""

    code: str
    bad: pl.Expr
    shows: pl.Expr
    sentence: Callable[[str], str]


class Check(Protocol):
    """How a column is read.

    `cell` is the text as given (trimmed, unless the check is for free text), `value` what the check made of it.
    """

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:
        r"""What is stored, as text; null for nothing. Cells that are empty or `\N` need no care."""

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:
        """What may be wrong, in order: the first one that holds is told."""


class Resolver(Protocol):
    """Finds what rows refer to; asked once per distinct combination of the values of `columns`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it looks at."""

    @property
    def into(self) -> str:
        """The staged column that takes the id."""

    def resolve(self, values: tuple[str, ...]) -> tuple[str | None, tuple[RowFault, ...]]:
        """The id to store, or what is wrong. A value that is not given is an empty text."""


class Loaded(NamedTuple):
    """What became of a chunk: how many rows created and updated, and the rejected ones."""

    created: int
    updated: int
    rejects: pl.DataFrame


class Existing(Protocol):
    """Looks up keys in the database."""

    def __call__(self, tx: Tx, keys: Sequence[str], /) -> Awaitable[Sequence[str]]:
        """Those of the keys that the organisation has."""


class Merge(Protocol):
    """Gets the rows of a chunk into the database."""

    def __call__(self, work: Work, tx: Tx, kind: "Kind", frame: pl.DataFrame, /) -> Awaitable[Loaded]:
        """What became of them; a dry run only counts."""


@dataclass(frozen=True, kw_only=True)
class Column:
    r"""One column of a file.

    `staged` is the name and the PostgreSQL type it is loaded as; None: only checked.
    `\N` empties what is `clearable` (its bit in `_clear`), is `cleared_to` where that is given, else a fault.
    """

    name: str
    check: Check
    staged: tuple[str, str] | None
    required: bool = False
    needed_to_create: bool = False
    clearable: bool = False
    cleared_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of import file, as it is declared in one module of this folder.

    `key` names the column by which a row is found again. `pairs` are columns that come together or not at all.
    `lookups` are the lists that `resolvers` find things in. `review` looks at all rows of a file together, one per
    key: it needs `max_rows`, since they stand in one chunk. `existing` tells which keys are there, `unknown_key` what
    is wrong with one that is not, for a kind that creates nothing. `warning_if_created` goes with new rows.
    """

    name: str
    noun: str
    key: str
    columns: tuple[Column, ...]
    merge: Merge
    pairs: tuple[tuple[str, str], ...] = ()
    existing: Existing | None = None
    unknown_key: Callable[[str], RowFault] | None = None
    warning_if_created: str | None = None
    lookups: tuple[str, ...] = ()
    resolvers: Callable[[Setting], tuple[Resolver, ...]] = field(default=lambda _: ())
    review: Callable[[pl.DataFrame], Sequence[tuple[int, RowFault]]] | None = None
    max_rows: int | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All column names."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns that every file must have."""
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def staging(self) -> tuple[tuple[str, str], ...]:
        """Name and PostgreSQL type of each column of the temporary table that a chunk is copied into."""
        staged = (column.staged for column in self.columns if column.staged is not None)
        return (("_row", "int4"), *staged, ("_clear", "int4"))

    @cached_property
    def clear_bits(self) -> dict[str, int]:
        """The bit of `_clear` that empties a stored column."""
        clearable = [column.staged[0] for column in self.columns if column.clearable and column.staged is not None]
        return {name: 1 << place for place, name in enumerate(clearable)}

    @cached_property
    def needed_to_create(self) -> dict[str, str]:
        """Staged name → column name of what a row must give when it creates."""
        return {
            column.staged[0]: column.name
            for column in self.columns
            if column.needed_to_create and column.staged is not None
        }

"""What rows refer to by code or by name: territories with their area and region, distributors."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import polars as pl

from domain import imports
from domain.imports import RowFault
from domain.shared.text import canonical_code
from workers.imports.kinds import Resolver
from workers.imports.suggestions import Suggestions

_REMEMBERED: Final = 20_000


def folded(name: str) -> str:
    """A name as names are compared: without regard to case and to spaces of any width."""
    return " ".join(canonical_code(name).casefold().split())


class Named:
    """Entries of one list, found by code, or by name where only one has it."""

    def __init__(self, column: str, entries: Iterable[tuple[str, str]]) -> None:
        """`entries` are pairs of code and name; codes are unique."""
        self._column = column
        self._codes: set[str] = set()
        self._by_fold: dict[str, list[str]] = defaultdict(list)
        self._shown: dict[str, str] = {}
        for code, name in entries:
            self._codes.add(code)
            for way in {folded(code), folded(name)}:
                self._by_fold[way].append(code)
            self._shown[folded(name)] = name
            self._shown.setdefault(folded(code), code)
        self._suggestions = Suggestions(self._shown)

    def candidates(self, value: str) -> list[str]:
        """The codes of all entries that a value may mean; its own code alone when it is one."""
        return [value] if value in self._codes else self._by_fold.get(folded(value), [])

    def fault(self, value: str, candidates: list[str]) -> RowFault:
        """Why a value does not mean exactly one entry."""
        if candidates:
            return imports.ambiguous_reference(self._column, value, sorted(candidates))
        return imports.unknown_reference(self._column, value, self.suggestions(value))

    def suggestions(self, value: str) -> tuple[str, ...]:
        """What may have been meant by a value that nothing here is called; nothing when something is."""
        return () if self.candidates(value) else self._suggestions.of(folded(value))


class Distributors:
    """Finds distributors."""

    columns = ("distributor",)
    into = "distributor_id"

    def __init__(self, rows: pl.DataFrame) -> None:
        self._ids = dict(rows.select("code", "id").iter_rows())
        self._named = Named("distributor", rows.select("code", "name").iter_rows())

    def resolve(self, values: tuple[str, ...]) -> tuple[str | None, tuple[RowFault, ...]]:
        (value,) = values
        if not value:
            return None, ()
        candidates = self._named.candidates(value)
        if len(candidates) != 1:
            return None, (self._named.fault(value, candidates),)
        return self._ids[candidates[0]], ()


class Territories:
    """Finds territories; area and region, where given, tell territories of the same name apart and are checked."""

    columns = ("territory", "area", "region")
    into = "territory_id"

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = {row["code"]: row for row in rows.iter_rows(named=True)}
        self._named = Named("territory", rows.select("code", "name").iter_rows())
        self._parents = {
            level: Named(
                level, rows.select(f"{level}_code", f"{level}_name").unique().sort(f"{level}_code").iter_rows()
            )
            for level in ("area", "region")
        }

    def resolve(self, values: tuple[str, ...]) -> tuple[str | None, tuple[RowFault, ...]]:
        value, area, region = values
        if not value:
            return None, ()
        candidates = self._named.candidates(value)
        if len(candidates) > 1:
            fitting = [code for code in candidates if not self._other_parents(code, area, region)]
            candidates = fitting if len(fitting) == 1 else candidates
        if len(candidates) != 1:
            return None, (self._named.fault(value, candidates), *self._unknown_parents(area, region))
        if faults := self._other_parents(candidates[0], area, region):
            return None, faults
        return self._rows[candidates[0]]["id"], ()

    def _unknown_parents(self, area: str, region: str) -> Iterator[RowFault]:
        """What is wrong with area and region whatever the territory may be."""
        for level, given in (("area", area), ("region", region)):
            if given and not (named := self._parents[level]).candidates(given):
                yield named.fault(given, [])

    def _other_parents(self, code: str, area: str, region: str) -> tuple[RowFault, ...]:
        row = self._rows[code]
        return tuple(
            imports.other_parent(
                level, given, row["name"], row[f"{level}_name"], self._parents[level].suggestions(given)
            )
            for level, given in (("area", area), ("region", region))
            if given and folded(given) not in {folded(row[f"{level}_code"]), folded(row[f"{level}_name"])}
        )


class Srs:
    """Finds the SRs that retailers can be given to; others are told apart from logins that nobody has."""

    columns = ("sr_login",)
    into = "sr_id"

    def __init__(self, rows: pl.DataFrame) -> None:
        """`rows` are users; `role` and `active` (`true` or `false`) tell who may hold retailers."""
        self._users = {login: (user_id, role == "sr", active) for user_id, login, role, active in rows.iter_rows()}
        fit = {login: login for login, (_, is_sr, active) in self._users.items() if is_sr and active == "true"}
        self._suggestions = Suggestions(fit)

    def resolve(self, values: tuple[str, ...]) -> tuple[str | None, tuple[RowFault, ...]]:
        (login,) = values
        if not login:
            return None, ()
        if login not in self._users:
            return None, (imports.unknown_sr(login, self._suggestions.of(login)),)
        user_id, is_sr, active = self._users[login]
        if not is_sr or active != "true":
            return None, (imports.sr_unavailable(login, is_sr=is_sr),)
        return user_id, ()


class Resolution:
    """Asks a resolver once per distinct combination and joins the answers to the rows."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._keys = [f"key.{column}" for column in resolver.columns]
        self._answers: dict[tuple[str, ...], tuple[str | None, tuple[RowFault, ...]]] = {}

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the id, and per column the code and the sentence of a fault."""
        columns = self._resolver.columns
        keyed = frame.with_columns(
            pl.col(column).fill_null("").alias(key) if column in frame.columns else pl.lit("").alias(key)
            for column, key in zip(columns, self._keys, strict=True)
        )
        answers = [self._row(values) for values in keyed.select(self._keys).unique().iter_rows()]
        schema = dict.fromkeys([*self._keys, self._resolver.into, *self.added_columns], pl.String)
        table = pl.DataFrame(answers, schema=schema, orient="row")
        return keyed.join(table, on=self._keys, how="left", maintain_order="left").drop(self._keys)

    @property
    def added_columns(self) -> list[str]:
        """The columns of codes and sentences."""
        return [f"{what}.{column}" for column in self._resolver.columns for what in ("found", "found_message")]

    def _row(self, values: tuple[str, ...]) -> tuple[str | None, ...]:
        if (answer := self._answers.get(values)) is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[values] = self._resolver.resolve(values)
        found, faults = answer
        by_column = {fault.column: fault for fault in faults}
        told: list[str | None] = []
        for column in self._resolver.columns:
            fault = by_column.get(column)
            told += [None, None] if fault is None else [fault.code, fault.message]
        return (*values, found, *told)

"""How the cells of a column are read: text, codes, phones, numbers, positions, yes or no, lists."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from domain import imports, phones
from domain.retailers import MAX_POINTS, MAX_ROUTE_LENGTH, MAX_ROUTES
from domain.shared import text
from domain.shared.text import shown
from domain.users import HAS_SPACES, canonical_login, login_fault
from workers.imports.cells import composed, not_admissible, said
from workers.imports.kinds import Rule, Setting
from workers.imports.phone_column import normalised_phones
from workers.imports.suggestions import near_misses

_YES: Final = ("true", "yes", "1")
_NO: Final = ("false", "no", "0")


@dataclass(frozen=True)
class Text:
    """Free text, stored as sent."""

    max_length: int
    multiline: bool = False
    blank: bool = True

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002 - every check has the same shape
        return cell

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        rules = [*_text_rules(name, value, self.max_length, multiline=self.multiline)]
        if not self.blank:
            blank = value.str.strip_chars() == ""
            rules.append(Rule(imports.REQUIRED, blank, value, lambda _: f"The {name} is only spaces: write one."))
        return rules


@dataclass(frozen=True)
class Code:
    """A key people give: trimmed and in composed form (NFC)."""

    max_length: int = text.MAX_CODE_LENGTH

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return composed(cell)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        return _text_rules(name, value, self.max_length)


@dataclass(frozen=True)
class Phone:
    """A phone number; E.164 comes out."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:
        country = setting.country
        return cell.map_batches(lambda column: normalised_phones(column, country), return_dtype=pl.String)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        scientific = cell.str.contains(r"^[0-9][.,][0-9]+[eE]\+?[0-9]+$")

        def sentence(given: str) -> str:
            return phones.phone_fault(given, setting.country)

        return [
            Rule(phones.NOT_A_PHONE, value.is_null() & scientific, cell, phones.shortened_by_spreadsheet),
            Rule(phones.NOT_A_PHONE, value.is_null(), cell, sentence),
        ]


@dataclass(frozen=True)
class WholeNumber:
    """An integer from 0."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return cell

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        whole = value.str.contains(r"^[0-9]{1,18}$") & (value.str.to_integer(strict=False) <= MAX_POINTS)

        def sentence(given: str) -> str:
            return (
                f"{imports.title(name)} {shown(given)} is not a whole number from 0 to {MAX_POINTS}: write digits only."
            )

        return [Rule(imports.NOT_AN_INTEGER, ~whole.fill_null(value=False), cell, sentence)]


@dataclass(frozen=True)
class Degrees:
    """A latitude or longitude in decimal degrees."""

    limit: int

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return cell

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        number = value.cast(pl.Float64, strict=False)
        good = value.str.contains(r"^[+-]?[0-9]{1,3}(?:\.[0-9]{1,30})?$") & (number.abs() <= self.limit)

        def sentence(given: str) -> str:
            return (
                f"{imports.title(name)} {shown(given)} is not between -{self.limit} and {self.limit}:"
                " write decimal degrees such as 23.8103."
            )

        return [Rule(imports.NOT_A_POSITION, ~good.fill_null(value=False), cell, sentence)]


@dataclass(frozen=True)
class YesNo:
    """True or false, yes or no, 1 or 0."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        word = cell.str.to_lowercase()
        return pl.when(word.is_in(_YES)).then(pl.lit("true")).when(word.is_in(_NO)).then(pl.lit("false"))

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        def sentence(given: str) -> str:
            return f"{imports.title(name)} {shown(given)} is neither yes nor no: write true or false."

        return [Rule(imports.NOT_YES_OR_NO, value.is_null(), cell, sentence)]


@dataclass(frozen=True)
class Routes:
    """A list separated by `|`; becomes a PostgreSQL array."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return said(cell, _route_array)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        def too_many(_: str) -> str:
            return f"More than {MAX_ROUTES} routes: leave at most {MAX_ROUTES}."

        def too_long(given: str) -> str:
            longest = max(_split_routes(given), key=len)
            return f"Route {shown(longest)} is longer than {MAX_ROUTE_LENGTH} characters: separate routes by |."

        return [
            Rule(text.NOT_ADMISSIBLE, not_admissible(cell), cell, _text_sentence(name, MAX_ROUTES * MAX_ROUTE_LENGTH)),
            Rule(
                imports.TOO_MANY_ROUTES,
                value.is_null() & (cell.str.count_matches("|", literal=True) >= MAX_ROUTES),
                cell,
                too_many,
            ),
            Rule(text.TOO_LONG, value.is_null(), cell, too_long),
        ]


@dataclass(frozen=True)
class Name:
    """The code or the name of something that is there already; a resolver finds it."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return composed(cell)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        return _text_rules(name, value, text.MAX_NAME_LENGTH)


@dataclass(frozen=True)
class Login:
    """A login as people write it; what comes out is how it is stored and looked up."""

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        return said(cell, canonical_login)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        def code(canonical: str) -> str | None:
            fault = login_fault(canonical)
            return None if fault is None else fault.code

        def sentence(canonical: str) -> str:
            fault = login_fault(canonical)
            return "" if fault is None else f"{imports.title(name)} {shown(canonical)} {fault.message}"

        codes = said(value, code)
        return [Rule(one, codes == one, value, sentence) for one in (HAS_SPACES, text.NOT_ADMISSIBLE, text.TOO_LONG)]


@dataclass(frozen=True)
class OneOf:
    """One of a few words, in whatever case."""

    words: tuple[str, ...]
    code: str

    def value(self, cell: pl.Expr, setting: Setting) -> pl.Expr:  # noqa: ARG002
        word = cell.str.to_lowercase()
        return pl.when(word.is_in(self.words)).then(word)

    def rules(self, name: str, cell: pl.Expr, value: pl.Expr, setting: Setting) -> Sequence[Rule]:  # noqa: ARG002
        known = {word: word for word in self.words}
        choice = " or ".join(self.words)

        def sentence(given: str) -> str:
            hint = imports.did_you_mean(near_misses(given.casefold(), known)) or f"write {choice}."
            return f"{imports.title(name)} {shown(given)} is not one of {choice}: {hint}"

        return [Rule(self.code, value.is_null(), cell, sentence)]


def _split_routes(cell: str) -> list[str]:
    return list(dict.fromkeys(route for part in cell.split("|") if (route := part.strip())))


def _route_array(cell: str) -> str | None:
    """The array as PostgreSQL reads it, nothing for no route, None for too many or too long ones."""
    routes = _split_routes(cell)
    if len(routes) > MAX_ROUTES or any(len(route) > MAX_ROUTE_LENGTH for route in routes):
        return None
    quoted = ('"' + route.replace("\\", "\\\\").replace('"', '\\"') + '"' for route in routes)
    return "{" + ",".join(quoted) + "}" if routes else ""


def _text_sentence(name: str, max_length: int, *, multiline: bool = False) -> Callable[[str], str]:
    def sentence(given: str) -> str:
        fault = text.text_fault(given, max_length=max_length, multiline=multiline)
        return "" if fault is None else f"{imports.title(name)} {shown(given)} {fault.message}"

    return sentence


def _text_rules(name: str, value: pl.Expr, max_length: int, *, multiline: bool = False) -> list[Rule]:
    sentence = _text_sentence(name, max_length, multiline=multiline)
    return [
        Rule(text.NOT_ADMISSIBLE, not_admissible(value, multiline=multiline), value, sentence),
        Rule(text.TOO_LONG, value.str.len_chars() > max_length, value, sentence),
    ]

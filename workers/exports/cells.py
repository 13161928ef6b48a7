"""How PostgreSQL writes cells: what `domain` says of single cells, as expressions over whole columns."""

from typing import Any, Final

import sqlalchemy as sa

from domain.imports import CLEAR
from domain.shared import spreadsheets

_DIGITS: Final = "0123456789"
_POSITIONAL_FROM: Final = 1e-4
_DECIMALS: Final = 30


def guarded(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The text, after one apostrophe when a spreadsheet would run it.

    A look at the first byte comes before the patterns, which cost ten times as much: all that is run sorts before `A`.
    """
    early = text.collate("C") < sa.literal("A", sa.Text)
    runs = text.regexp_match(spreadsheets.RUN_BY_SPREADSHEET)
    harmless = sa.func.ltrim(text, "'", type_=sa.Text).regexp_match(spreadsheets.HARMLESS)
    return sa.case((early & runs & ~harmless, sa.literal("'", sa.Text).concat(text)), else_=text)


def guarded_phone(phone: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The same for a column of which nearly every cell is a `+` and digits: that is found without a pattern."""
    rest = sa.func.substr(phone, 2, type_=sa.Text)
    plain = (sa.func.left(phone, 1, type_=sa.Text) == "+") & (rest != "") & (sa.func.ltrim(rest, _DIGITS) == "")
    return sa.case((plain, phone), else_=guarded(phone))


def left_alone(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    r"""Nothing for a text that an import would take for `\N`: an empty cell leaves the stored one as it is."""
    return sa.func.nullif(text, CLEAR, type_=sa.Text)


def decimal(number: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A number with all its digits, down to 1e-12, and without an exponent, which imports do not read."""
    exact = number.cast(sa.Text)
    rounded = sa.func.trim_scale(sa.func.round(exact.cast(sa.Numeric), _DECIMALS)).cast(sa.Text)
    return sa.case(((number != 0) & (sa.func.abs(number) < _POSITIONAL_FROM), rounded), else_=exact)

"""What people type into a search box, and what it finds in small lists."""

import unicodedata

import sqlalchemy as sa

from domain.shared.errors import Fault, Malformed
from domain.shared.text import text_fault

MAX_Q_LENGTH = 200


def searched(q: str | None, parameter: str) -> str | None:
    """The text to look for, composed and without spaces around it; None for nothing. Raises Malformed."""
    if q is None or not (text := unicodedata.normalize("NFC", q.strip())):
        return None
    if (fault := text_fault(text, max_length=MAX_Q_LENGTH)) is not None:
        message = f"{parameter} {fault.message}"
        raise Malformed(message, faults=[Fault(parameter, fault.code, message)])
    return text


def on_route(route: str | None) -> str | None:
    """The route to look for, trimmed and otherwise as it was sent, since routes are stored so. Raises Malformed."""
    return None if searched(route, "route") is None or route is None else route.strip()


def mentions(q: str | None, *columns: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """The condition that one of the columns contains `q` in whatever case; none without `q`."""
    text = searched(q, "q")
    if text is None:
        return ()
    # lower() on both sides by the database, so that both mean the same by it.
    part = sa.func.lower(_escaped(text))
    return (sa.or_(*(sa.func.lower(sa.func.normalize(one)).contains(part, escape="\\") for one in columns)),)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

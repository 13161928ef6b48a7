"""Which column of a file is which: header names without regard to case, spaces, underscores and order."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from domain import imports

_IGNORED = re.compile(r"[\s_\-\u200b\ufeff]+")


class Header(NamedTuple):
    """`positions`: column name → place in the file; `marks`: where `_code` stands in a file of rejects."""

    positions: dict[str, int]
    marks: int | None
    warnings: tuple[str, ...]


def folded(name: str) -> str:
    """A header name as names are compared."""
    return _IGNORED.sub("", name.casefold())


def is_ours(name: str) -> bool:
    """Whether a column is one of those that a file of rejects adds."""
    return name.strip().startswith("_")


def read_header(names: Sequence[str], known: Sequence[str], required: Sequence[str]) -> Header:
    """Find the known columns; raises FileRefused when one that is required lacks or a name stands twice."""
    wanted = {folded(name): name for name in known}
    given = [(index, name.strip()) for index, name in enumerate(names) if name.strip() and not is_ours(name)]
    positions = {wanted[folded(name)]: index for index, name in given if folded(name) in wanted}
    # Before names that stand twice: a file without a header is told that, whatever its first row repeats.
    if missing := [name for name in required if name not in positions]:
        raise imports.missing_columns(missing, [name for _, name in given])
    counts = Counter(folded(name) for _, name in given)
    if double := [name for fold, name in {folded(name): name for _, name in given}.items() if counts[fold] > 1]:
        raise imports.duplicate_columns(double)
    unknown = [name for _, name in given if folded(name) not in wanted]
    marks = next((index for index, name in enumerate(names) if name.strip().casefold() == "_code"), None)
    return Header(positions, marks, (imports.unknown_columns_ignored(unknown),) if unknown else ())

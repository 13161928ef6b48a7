"""Which column of a file is which: header names without regard to case, spaces, underscores and order."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from domain import imports
from workers.imports.suggestions import near_misses

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


def read_header(names: Sequence[str], known: Sequence[str], required: Sequence[str], note: str = "") -> Header:
    """Find the known columns; raises FileRefused when one that is required lacks or a name stands twice.

    `note` tells what else to know of where the header was found.
    """
    wanted = {folded(name): name for name in known}
    given = [(index, name.strip()) for index, name in enumerate(names) if name.strip() and not is_ours(name)]
    positions = {wanted[folded(name)]: index for index, name in given if folded(name) in wanted}
    # Before names that stand twice: a file without a header is told that, whatever its first row repeats.
    if missing := [name for name in required if name not in positions]:
        found = [name for _, name in given]
        others = [name for name in found if folded(name) not in wanted]
        raise imports.missing_columns(missing, found, likely=_likely(others, missing), note=note)
    counts = Counter(folded(name) for _, name in given)
    if double := [name for fold, name in {folded(name): name for _, name in given}.items() if counts[fold] > 1]:
        raise imports.duplicate_columns(double)
    unknown = [name for _, name in given if folded(name) not in wanted]
    marks = next((index for index, name in enumerate(names) if name.strip().casefold() == "_code"), None)
    likely = _likely(unknown, [name for name in known if name not in positions])
    return Header(positions, marks, (imports.unknown_columns_ignored(unknown, likely),) if unknown else ())


def _likely(given: Sequence[str], lacking: Sequence[str]) -> dict[str, str]:
    """The given names by the column that they may have been meant for."""
    wanted = {folded(name): name for name in lacking}
    return {meant[0]: name for name in given if len(meant := near_misses(folded(name), wanted)) == 1}

"""Near misses: which of the known values somebody may have meant."""

from collections.abc import Mapping
from typing import Final

from rapidfuzz import fuzz, process

# What a file may cost in comparisons, a few million of which take a second: nobody reads thousands of guesses.
_COMPARISONS: Final = 5_000_000
_GUESSES: Final = 500
_NEAR_ENOUGH: Final = 80
_AT_MOST: Final = 2


def near_misses(value: str, shown: Mapping[str, str]) -> tuple[str, ...]:
    """The values nearest to `value`, if they are near enough and few; `shown` are the known ones by their folded form.

    Of many that are equally near, as numbered codes are, each would be no more than a guess: then none is named.
    """
    found = process.extract(value, shown.keys(), scorer=fuzz.ratio, score_cutoff=_NEAR_ENOUGH, limit=_AT_MOST + 2)
    nearest = list(dict.fromkeys(shown[fold] for fold, score, _ in found if score == found[0][1]))
    return tuple(nearest) if len(nearest) <= _AT_MOST else ()


class Suggestions:
    """Near misses among one list, asked once per value, and only so often per file."""

    def __init__(self, shown: Mapping[str, str]) -> None:
        self._shown = shown
        self._left = min(_GUESSES, _COMPARISONS // max(len(shown), 1))
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, folded: str) -> tuple[str, ...]:
        """What may have been meant by a folded value; nothing once enough has been guessed."""
        if folded not in self._known and self._left > 0:
            self._left -= 1
            self._known[folded] = near_misses(folded, self._shown)
        return self._known.get(folded, ())

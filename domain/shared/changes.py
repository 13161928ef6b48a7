"""Partial changes: what is unset stays as it is."""

from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def changed(row: S, **members: Any) -> S:  # noqa: ANN401  values of the Struct's own members
    """`row` with the members that are set; the very same object when nothing is."""
    given = {name: value for name, value in members.items() if value is not msgspec.UNSET}
    return msgspec.structs.replace(row, **given) if given else row

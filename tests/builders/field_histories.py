"""What a history says of a field, put together from every change that there has been of it."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from domain.pushed_changes import FieldChange


class Change(NamedTuple):
    """The field changed at that version of the retailer; None: by a job, which is nobody's own."""

    version: int
    by: uuid.UUID | None


def as_kept(changes: Sequence[Change]) -> FieldChange | None:
    """The last change, and the last one before it by anybody else."""
    if not changes:
        return None
    last = changes[-1]
    others = [one.version for one in changes[:-1] if one.by is None or one.by != last.by]
    return FieldChange(last.version, last.by, max(others, default=0))

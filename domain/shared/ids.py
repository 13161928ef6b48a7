"""Ids: UUID version 7 (RFC 9562), so that new rows lie together in their index."""

from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id", "new_id_text"]


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def new_id_text() -> str:
    """The same as text, in an eighth of the time."""
    return str(uuid_utils.uuid7())

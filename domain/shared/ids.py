"""Ids: UUID version 7 (RFC 9562), so that new rows lie together in their index."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id"]


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()

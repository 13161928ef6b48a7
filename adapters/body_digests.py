"""Digests of request bodies, for telling a repeated request from another one.

Keyed: a body may hold a password, and a bare digest of it in the database would let a thief of the table guess at the
speed of the hash, past the password hasher.
"""

import hmac
from collections.abc import Sequence

from adapters.keys import JwtKey


class BodyDigests:
    """Stored under the first key of the set, recognised under any of them."""

    def __init__(self, keys: Sequence[JwtKey]) -> None:
        # Derived: what is made for one purpose must never pass for something made for another.
        self._keys = [hmac.digest(key.secret, b"haat-idempotency", "sha256") for key in keys]

    def of(self, digest: bytes) -> tuple[bytes, ...]:
        """The SHA-256 `digest` of a body under every key, the one to store first."""
        return tuple(hmac.digest(key, digest, "sha256") for key in self._keys)

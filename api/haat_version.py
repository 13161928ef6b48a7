"""`Haat-Version`: what a caller has seen or caused, sealed so that only this installation can have written it."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar.params import HeaderParameter

from adapters.keys import JwtKey
from domain.books import Seen
from domain.shared.errors import Malformed

_TAG_BYTES: Final = 16
_TOKENS_AT_MOST: Final = 50
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{20,200}")

HaatVersion: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Haat-Version",
        max_length=10_000,
        description=(
            "What earlier answers carried under this name, several separated by commas in any order:"
            " this answer will not be older."
        ),
    ),
]


class VersionSeal:
    """Seals with the first key of the set and opens with any of them."""

    def __init__(self, keys: Sequence[JwtKey]) -> None:
        # Derived: a token of one purpose must never pass for one of another.
        self._keys = [hmac.digest(key.secret, b"haat-version", "sha256") for key in keys]
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Seen] = msgspec.msgpack.Decoder(Seen)

    def seal(self, seen: Seen) -> str:
        """The token: ASCII without commas."""
        content = self._encoder.encode(seen)
        return base64.urlsafe_b64encode(_tag(self._keys[0], content) + content).rstrip(b"=").decode("ascii")

    def open(self, header: str | None) -> tuple[Seen, ...]:
        """What the header's tokens say; those that this key set did not seal are ignored.

        Raises Malformed for what cannot be a token at all.
        """
        if header is None or not header.strip():
            return ()
        tokens = [token.strip() for token in header.split(",")]
        if len(tokens) > _TOKENS_AT_MOST or not all(_TOKEN.fullmatch(token) for token in tokens if token):
            message = "Haat-Version must hold tokens as this API's answers carry them, separated by commas."
            raise Malformed(message)
        return tuple(seen for token in tokens if token and (seen := self._open(token)) is not None)

    def _open(self, token: str) -> Seen | None:
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not any(hmac.compare_digest(tag, _tag(key, content)) for key in self._keys):
            return None
        try:
            return self._decoder.decode(content)
        except msgspec.DecodeError:
            return None


def _tag(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)[:_TAG_BYTES]

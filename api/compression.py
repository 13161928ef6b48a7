"""Smaller answers for whoever accepts them: Zstandard (RFC 8878) or gzip, by their Accept-Encoding.

Only whole answers to GET: event streams and downloads pass as they are. A stored answer is stored as it went out, so
that a replayed one costs no compression.
"""

import gzip
from functools import lru_cache
from typing import Final

import zstandard
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Message, Receive, Scope, Send

# Below that the headers weigh more than what is saved.
SMALLEST_BYTES: Final = 600
_COMPRESSIBLE: Final = (b"application/json", b"application/problem+json", b"text/", b"image/svg+xml")
# Of the levels 1 to 9, the last one that still pays for its time on pages of JSON.
_GZIP_LEVEL: Final = 4
_ZSTD_LEVEL: Final = 3

_zstd: Final = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)


class Compressed:
    """Wraps the application; what it sends is compressed where that is allowed and worth it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the start of an answer is held back until its body shows whether it is whole."""
        coding = _accepted(scope) if scope["type"] == ScopeType.HTTP and scope["method"] == "GET" else None
        if coding is None:
            await self._app(scope, receive, send)
            return
        held: HTTPResponseStartEvent | None = None

        async def compress(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                held = message
                return
            if held is not None:
                start, held = held, None
                if message["type"] == "http.response.body" and not message["more_body"]:
                    message = _compress(start, message, coding)
                await send(start)
            await send(message)

        await self._app(scope, receive, compress)


def _compress(start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent, coding: str) -> HTTPResponseBodyEvent:
    """The body, smaller where that is allowed; the start's headers are changed to fit."""
    content = body["body"]
    headers = {name.lower(): value for name, value in start["headers"]}
    if (
        len(content) < SMALLEST_BYTES
        or b"content-encoding" in headers
        or not headers.get(b"content-type", b"").startswith(_COMPRESSIBLE)
        # A strong one names these very bytes (RFC 9110, section 8.8.3.3).
        or headers.get(b"etag", b"").startswith(b'"')
    ):
        return body
    smaller = _zstd.compress(content) if coding == "zstd" else gzip.compress(content, _GZIP_LEVEL, mtime=0)
    vary = headers.get(b"vary", b"")
    if b"accept-encoding" not in vary.lower():
        vary = vary + b", Accept-Encoding" if vary else b"Accept-Encoding"
    changed = {
        b"content-encoding": coding.encode(),
        b"content-length": str(len(smaller)).encode(),
        b"vary": vary,
    }
    kept = [(name, value) for name, value in start["headers"] if name.lower() not in changed]
    start["headers"] = [*kept, *changed.items()]
    return {"type": "http.response.body", "body": smaller, "more_body": False}


def _accepted(scope: Scope) -> str | None:
    return preferred(b",".join(value for name, value in scope["headers"] if name == b"accept-encoding"))


@lru_cache(maxsize=1024)
def preferred(accept_encoding: bytes) -> str | None:
    """The better of the codings that the client accepts most (RFC 9110, section 12.5.3); None for neither."""
    weights: dict[str, float] = {}
    for part in accept_encoding.decode("latin-1").lower().split(","):
        coding, _, parameter = part.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    offered = [(weights.get(coding, weights.get("*", 0.0)), coding) for coding in ("zstd", "gzip")]
    weight, coding = max(offered, key=lambda one: one[0])
    return coding if weight > 0 else None

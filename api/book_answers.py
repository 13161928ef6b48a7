"""Answers that come from an SR's book: their ETag, what caches may do with them, and `Haat-Version`."""

import base64
import hashlib
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request
from litestar.params import HeaderParameter
from litestar.response.base import ASGIResponse

from adapters.redis.views import book_name
from api.caller import Caller
from api.stored_answers import MADE_FROM, MadeFrom
from domain.books import FORMAT, Book, BookSeen, BookVersion, Needed, needed

_PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept-Encoding"}

IfNoneMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        max_length=10_000,
        description="ETags of answers the client still has; 304 when one of them is still right.",
    ),
]


def asked_for(caller: Caller, haat_version: str | None) -> Needed:
    """How fresh the caller's book must be. Raises Malformed for what is no `Haat-Version`."""
    return needed(caller.services.seal.open(haat_version), caller.actor.user)


async def own_book(caller: Caller, haat_version: str | None) -> Book:
    """The caller's book, not older than what they have seen. Raises Malformed, Unavailable."""
    return await caller.services.books.book(caller.actor.tenant, caller.actor.user, asked_for(caller, haat_version))


def answer(
    request: Request[Any, Any, Any], caller: Caller, at: BookVersion, body: bytes, *, if_none_match: str | None
) -> ASGIResponse:
    """The JSON `body` made from the caller's book at `at`, or 304 when the client has it already."""
    sr_id = caller.actor.user
    seen = BookSeen(sr_id, at.epoch, at.version, True)
    request.scope["state"]["haat_version"] = caller.services.seal.seal(seen)
    # Weak: the same content may travel in several encodings (RFC 9110, section 8.8.1).
    book = f"{sr_id} {at.epoch} {at.version} {FORMAT} ".encode()
    url = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    digest = hashlib.blake2b(book + url, digest_size=15).digest()
    etag = f'W/"{base64.urlsafe_b64encode(digest).decode("ascii")}"'
    headers = {**_PRIVATE, "ETag": etag}
    if (stale := caller.services.sessions.seconds_away) is None:
        request.scope["state"][MADE_FROM] = MadeFrom(book_name(caller.actor.tenant, sr_id), at)
    else:
        headers["Haat-Stale"] = str(stale)
    if if_none_match is not None and _matches(if_none_match, etag):
        return ASGIResponse(status_code=304, headers=headers, media_type="application/json")
    return ASGIResponse(body=body, headers=headers, media_type="application/json")


def _matches(if_none_match: str, etag: str) -> bool:
    """The weak comparison of RFC 9110, section 8.8.3.2."""
    opaque = etag.removeprefix("W/")
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return opaque in tags or tags == ["*"]

"""Uploads: from the connection straight into object storage, counted and digested on the way, never whole in memory."""

import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from adapters.files import Files
from domain.shared.errors import Invalid, Malformed, TooLarge

FIELD: Final = "file"
_OTHER_FIELD_BYTES: Final = 64 * 1024
_SEGMENTS: Final = 32
_NAME_LENGTH: Final = 200
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What has arrived: its size in bytes, its SHA-256, and what its sender calls it."""

    size: int
    digest: bytes
    file_name: str | None


class _Arriving:
    """Counts and digests the file's bytes; remembers why it stopped, whatever the storage makes of that."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.digest = hashlib.sha256()
        self.file_name: str | None = None
        self.error: Exception | None = None

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.limit:
            raise too_large(self.limit)
        self.digest.update(piece)

    async def guarded(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                self.take(piece)
                if piece:
                    yield piece
        except Exception as error:
            self.error = error
            raise


async def receive_upload(request: Request[Any, Any, Any], files: Files, key: str, *, limit: int) -> Upload:
    """Store the body, or its multipart field `file`, at `key`; nothing is left there when this raises.

    Raises TooLarge, Malformed for a broken body, Invalid for multipart without the field.
    """
    announced = request.headers.get("content-length", "")
    arriving = _Arriving(limit)
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    is_form = media_type == "multipart/form-data"
    if announced.isdigit() and int(announced) > limit + (_OTHER_FIELD_BYTES if is_form else 0):
        raise too_large(limit)
    pieces = _file_of_form(request, options.get("boundary", ""), arriving) if is_form else request.stream()
    try:
        await files.put(key, arriving.guarded(pieces))
    except Exception as error:
        await files.delete(key)
        cause = arriving.error or error
        if isinstance(cause, HTTPException):
            message = "The upload broke off. Send it again."
            raise Malformed(message) from error
        raise cause from None
    named = arriving.file_name or request.query_params.get("filename") or _disposition_name(request)
    return Upload(size=arriving.size, digest=arriving.digest.digest(), file_name=tidy_name(named))


async def _file_of_form(request: Request[Any, Any, Any], boundary: str, arriving: _Arriving) -> AsyncIterator[bytes]:
    """The bytes of the field; other fields are read over. Raises Malformed, Invalid."""
    segment: MultipartSegment | None = None
    found = False
    over = 0
    try:
        with PushMultipartParser(boundary, max_segment_count=_SEGMENTS, strict=True) as parser:
            async for piece in request.stream():
                for event in parser.parse(piece):
                    if isinstance(event, MultipartSegment):
                        segment = event
                        if event.name == FIELD:
                            found = _once(found)
                            arriving.file_name = event.filename
                    elif event and segment is not None:
                        if segment.name == FIELD:
                            yield bytes(event)
                        else:
                            over = _within(over + len(event))
    except MultipartError as error:
        message = f"The multipart body cannot be read: {error}."
        raise Malformed(message) from None
    if not found:
        message = f"The form has no field {FIELD!r}. Send the file in a field of that name, or as the raw body."
        raise Invalid(message)


def _once(found: bool) -> bool:  # noqa: FBT001  the only thing it is about
    if found:
        message = f"The form has the field {FIELD!r} twice. Upload one file at a time."
        raise Invalid(message)
    return True


def _within(size: int) -> int:
    if size > _OTHER_FIELD_BYTES:
        message = f"The form's fields beside {FIELD!r} hold more than {_OTHER_FIELD_BYTES} bytes."
        raise TooLarge(message)
    return size


def too_large(limit: int) -> TooLarge:
    """The refusal of a file over the limit."""
    return TooLarge(f"The file is larger than the {limit} bytes allowed here. Split it, or send it compressed.")


def _disposition_name(request: Request[Any, Any, Any]) -> str | None:
    _, options = parse_options_header(request.headers.get("content-disposition", ""))
    name: str | None = options.get("filename")
    return name


def tidy_name(name: str | None) -> str | None:
    """The last part of a path, without what no screen shows, at most 200 characters; None when nothing is left."""
    if name is None:
        return None
    last = re.split(r"[/\\]", _UNFIT.sub("", name))[-1].strip().strip(".")
    return last[-_NAME_LENGTH:] or None

"""The book of one SR: what versions mean, what a caller has seen, and where a sync stands."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec

from domain.retailers import RetailerDetails
from domain.shared.errors import Malformed
from domain.shared.named import Reference

# Stands in every value and ETag; documents only gain fields, so any process serves any.
FORMAT: Final = 1
_LAST_ID: Final = UUID(int=2**128 - 1)
_FIRST_ID: Final = UUID(int=0)
_LARGEST: Final = 2**63 - 1


class OwnRetailer(msgspec.Struct, frozen=True, kw_only=True):
    """A retailer as the SR who has it is sent it."""

    id: UUID
    uid: Annotated[str, msgspec.Meta(examples=["R-000123"])]
    name: Annotated[str, msgspec.Meta(description="As people call it, in any script.", examples=["করিম স্টোর"])]
    phone: Annotated[str, msgspec.Meta(description="E.164.", examples=["+8801712345678"])]
    region: Reference
    area: Reference
    territory: Reference
    distributor: Reference | None
    routes: tuple[Annotated[str, msgspec.Meta(examples=["Mon-North"])], ...]
    points: Annotated[int, msgspec.Meta(examples=[120])]
    notes: str | None
    lat: float | None
    lng: float | None
    active: bool
    version: Annotated[int, msgspec.Meta(description="Only grows; what `If-Match` compares.", examples=[3])]
    updated_at: datetime


def as_sent(details: RetailerDetails) -> OwnRetailer:
    """The retailer as its SR is sent it: all but who has it."""
    return msgspec.convert(details, OwnRetailer, from_attributes=True)


class BookVersion(msgspec.Struct, frozen=True, order=True):
    """The state of a book; one version never stands for two contents.

    `epoch` holds the server's timeline in its upper 32 bits, so that a promoted replica begins a new one.
    """

    epoch: int
    version: int

    def belongs_to(self, timeline: int) -> bool:
        """Whether it was made on this timeline of the server, not on one before a promotion."""
        return self.epoch >> 32 >= timeline


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One retailer as an SR was last sent it; `document` is JSON, empty once the retailer has left the book."""

    retailer_id: UUID
    version: int
    document: str
    present: bool


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """Where one retailer's document lies among the documents of a book."""

    name: str
    id: UUID
    start: int
    end: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of a book, joined by commas in the order (name, id), and where each one lies."""

    at: BookVersion
    listed: tuple[Listed, ...]
    documents: bytes
    format: int = FORMAT

    def document(self, one: Listed) -> bytes:
        """The JSON of one retailer."""
        return self.documents[one.start : one.end]


def bind(at: BookVersion, documents: Sequence[tuple[str, UUID, str]]) -> Book:
    """The book of these (name, retailer id, JSON), sorted by code points, which no collation changes."""
    listed: list[Listed] = []
    parts: list[bytes] = []
    start = 0
    for name, retailer_id, text in sorted(documents, key=lambda one: (one[0], one[1])):
        part = text.encode()
        parts.append(part)
        listed.append(Listed(name, retailer_id, start, start + len(part)))
        start += len(part) + 1
    return Book(at=at, listed=tuple(listed), documents=b",".join(parts))


class BookSeen(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """What an SR has seen or caused: their book at a version, or, unrendered, some version after that one."""

    sr_id: UUID
    epoch: int
    version: int
    rendered: bool

    @property
    def at(self) -> BookVersion:
        """The version as one value."""
        return BookVersion(self.epoch, self.version)


class LogSeen(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """What anybody else has seen or caused: a position in the database's log; None when it could not be learnt."""

    position: int | None


Seen: TypeAlias = BookSeen | LogSeen


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """What a read of a book must not be older than."""

    at: BookVersion | None = None
    render_first: bool = False


def needed(seen: Sequence[Seen], sr_id: UUID) -> Needed:
    """The highest version of this SR's book that the caller has seen; other books and logs are ignored."""
    own = [one for one in seen if isinstance(one, BookSeen) and one.sr_id == sr_id]
    return Needed(at=max((one.at for one in own), default=None), render_first=any(not one.rendered for one in own))


class SyncCursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a client's sync stands.

    `full` is the kind of pass; `began_at` the book's version on its first page, `highest` that of the pages so far;
    (`version`, `retailer_id`) is the position of the last entry sent.
    """

    sr_id: UUID
    epoch: int
    full: bool
    began_at: int
    highest: int
    version: int
    retailer_id: UUID

    @property
    def caught_up_at(self) -> BookVersion | None:
        """The version of the book that the client has all of; None in the middle of a pass."""
        done = not self.full and self.retailer_id == _LAST_ID and self.version == self.highest
        return BookVersion(self.epoch, self.version) if done else None


class SyncPage(msgspec.Struct, frozen=True, kw_only=True):
    """What one page of a sync tells the client."""

    cursor: SyncCursor
    full: bool
    start: bool
    more: bool
    entries: tuple[Entry, ...]


def first_of_pass(sr_id: UUID, at: BookVersion) -> SyncCursor:
    """The cursor before the first page of a new, full pass."""
    return SyncCursor(sr_id, at.epoch, True, at.version, at.version, 0, _FIRST_ID)


def may_follow(cursor: SyncCursor | None, sr_id: UUID, at: BookVersion) -> bool:
    """Whether a page of the book at this version may follow the pages before; otherwise a new pass begins.

    A page from an older version than an earlier page would take back what the client was told.
    """
    return cursor is not None and cursor.sr_id == sr_id and cursor.epoch == at.epoch and cursor.highest <= at.version


def sync_page(cursor: SyncCursor, at: BookVersion, entries: Sequence[Entry], limit: int, *, start: bool) -> SyncPage:
    """The page after `cursor` of the book at `at`, given the next `limit` + 1 entries in the order (version, id)."""
    sent = tuple(entries[:limit])
    more = len(entries) > limit
    if more:
        position = (sent[-1].version, sent[-1].retailer_id)
        after = SyncCursor(cursor.sr_id, at.epoch, cursor.full, cursor.began_at, at.version, *position)
    else:
        # Everything up to this version has been sent; what changes later gets a higher one.
        after = SyncCursor(cursor.sr_id, at.epoch, False, at.version, at.version, at.version, _LAST_ID)
    return SyncPage(cursor=after, full=cursor.full, start=start, more=more, entries=sent)


def write_cursor(cursor: SyncCursor) -> str:
    """The cursor as clients keep it."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).rstrip(b"=").decode("ascii")


def read_cursor(text: str) -> SyncCursor:
    """The cursor that `write_cursor` wrote. Raises Malformed."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.msgpack.decode(raw, type=SyncCursor)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        cursor = None
    if cursor is None or not all(
        0 <= number <= _LARGEST for number in (cursor.epoch, cursor.began_at, cursor.highest, cursor.version)
    ):
        message = "This cursor is not one of this sync. Start again without a cursor."
        raise Malformed(message)
    return cursor

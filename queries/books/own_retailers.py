"""The retailers of one SR: pages, filters and search over the documents of their book."""

import base64
import binascii
import unicodedata
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from domain.books import Book, Listed, OwnRetailer
from domain.shared.errors import Malformed
from queries._matching import searched
from queries._read import PageRequest


class OwnRetailers(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them; `count` counts all that the filters let through."""

    items: tuple[OwnRetailer, ...]
    next_cursor: str | None
    count: int
    count_is: Literal["exact"]


class OwnFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of them; what is None does not limit, all others hold together.

    `q` is a part of the name, the end of the phone number, or the beginning of the uid.
    """

    region_id: UUID | None = None
    area_id: UUID | None = None
    territory_id: UUID | None = None
    distributor_id: UUID | None = None
    route: str | None = None
    q: str | None = None


class _After(msgspec.Struct, array_like=True, frozen=True):
    """The last item sent: the list may change between two pages, its order does not."""

    list_name: Literal["own_retailers"]
    name: str
    id: UUID


_decoder = msgspec.json.Decoder(OwnRetailer)
_ALL = OwnFilter()


def own_retailers(book: Book, wanted: OwnFilter, page: PageRequest) -> bytes:
    """`OwnRetailers` as JSON, ordered by name then id. Raises Malformed."""
    found = book.listed if wanted == _ALL else _filtered(book, wanted)
    start = 0
    if page.cursor is not None:
        after = _parse_cursor(page.cursor)
        start = sum(1 for one in found if (one.name, one.id) <= (after.name, after.id))
    items = found[start : start + page.limit]
    cursor = "null"
    if start + page.limit < len(found):
        cursor = f'"{_write_cursor(items[-1])}"'
    return b'{"items":[%b],"next_cursor":%b,"count":%d,"count_is":"exact"}' % (
        b",".join(map(book.document, items)),
        cursor.encode(),
        len(found),
    )


def own_retailer(book: Book, retailer_id: UUID) -> bytes | None:
    """`OwnRetailer` as JSON; None when it is not in the book."""
    return next((book.document(one) for one in book.listed if one.id == retailer_id), None)


def _filtered(book: Book, wanted: OwnFilter) -> Sequence[Listed]:
    q, route = searched(wanted.q, "q"), searched(wanted.route, "route")
    return [one for one in book.listed if _passes(_decoder.decode(book.document(one)), wanted, q, route)]


def _passes(retailer: OwnRetailer, wanted: OwnFilter, q: str | None, route: str | None) -> bool:
    distributor_id = retailer.distributor.id if retailer.distributor else None
    return (
        (wanted.region_id is None or retailer.region.id == wanted.region_id)
        and (wanted.area_id is None or retailer.area.id == wanted.area_id)
        and (wanted.territory_id is None or retailer.territory.id == wanted.territory_id)
        and (wanted.distributor_id is None or distributor_id == wanted.distributor_id)
        and (route is None or route in map(_composed, retailer.routes))
        and (q is None or _mentions(retailer, q))
    )


def _mentions(retailer: OwnRetailer, q: str) -> bool:
    # In any script's digits, and as people write them.
    digits = "".join(str(unicodedata.decimal(one, one)) for one in q if one not in " -().")
    return (
        _folded(q) in _folded(retailer.name)
        or (digits.lstrip("+").isdigit() and retailer.phone.endswith(digits))
        or _folded(retailer.uid).startswith(_folded(q))
    )


def _folded(text: str) -> str:
    # Composed again afterwards: folding may take characters apart.
    return _composed(_composed(text).casefold())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _write_cursor(last: Listed) -> str:
    after = _After("own_retailers", last.name, last.id)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(after)).rstrip(b"=").decode("ascii")


def _parse_cursor(cursor: str) -> _After:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(raw, type=_After)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        message = "This cursor is not one of this list. Start again without a cursor."
        raise Malformed(message) from None

"""Books in Redis: one value per book, re-written whole, stamped with the server it was written to."""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from adapters.redis.scripts import PUT_NEWER
from adapters.redis.stamped import STAMPS_LENGTH, StampedConnection, StampedPool
from domain.books import Book, BookVersion, Listed

T = TypeVar("T")

CHANNEL: Final = "haat:books"
# Called with the name of a book in messages and the version that it has now.
Announced: TypeAlias = Callable[[str, BookVersion], None]
# Seconds; the jitter keeps books that were put together from expiring together.
LIFE_SECONDS: Final = 600
JITTER_SECONDS: Final = 60

# layout, stamps, epoch and version (20 digits each), whether documents follow, format, length of the index.
_LAYOUT: Final = b"haat-book-1 "
_VERSION_AT: Final = len(_LAYOUT) + STAMPS_LENGTH
_HAS_DOCUMENTS_AT: Final = _VERSION_AT + 40
_FORMAT_AT: Final = _HAS_DOCUMENTS_AT + 1
_INDEX_LENGTH_AT: Final = _FORMAT_AT + 6
_INDEX_AT: Final = _INDEX_LENGTH_AT + 10

_index_encoder = msgspec.msgpack.Encoder()
_index_decoder = msgspec.msgpack.Decoder(tuple[Listed, ...])


class ViewsAway(Exception):  # noqa: N818  a state of the world that callers go around, no mistake of theirs
    """The Redis of the read models does not answer; everything can be read from PostgreSQL."""


class BookViews:
    """The books that one Redis holds."""

    def __init__(self, pool: StampedPool) -> None:
        self._pool = pool

    async def get(self, tenant_id: UUID, sr_id: UUID) -> Book | None:
        """The book, if it is there with its documents and was written to this very server. Raises ViewsAway."""

        async def ask(connection: StampedConnection) -> Book | None:
            (value,) = await connection.ask([("GET", _key(tenant_id, sr_id))])
            return _parse(value, connection.stamps)

        return await self._with_connection(ask)

    async def put(
        self, tenant_id: UUID, books: Mapping[UUID, Book | BookVersion], *, even_over_newer: bool = False
    ) -> dict[UUID, BookVersion]:
        """Put each book unless a newer one is there, and publish the newest version either way; gives the newest.

        A bare version leaves the documents to the first reader. A value of another server is always replaced.
        `even_over_newer`: for what is there from a future that the database has lost. Raises ViewsAway.
        """

        async def run(connection: StampedConnection) -> list[bytes]:
            calls = [
                (_key(tenant_id, one), _arguments(tenant_id, one, book, connection.stamps, over_newer=even_over_newer))
                for one, book in books.items()
            ]
            return await PUT_NEWER.run(connection, calls)

        newest = await self._with_connection(run)
        return {sr_id: parse_version(one) for sr_id, one in zip(books, newest, strict=True)}

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def _with_connection(self, work: Callable[[StampedConnection], Awaitable[T]]) -> T:
        try:
            try:
                async with self._pool.connection() as connection:
                    return await work(connection)
            except RedisConnectionError:
                # It may have been closed while it lay in the pool; both kinds of work may be done twice.
                async with self._pool.connection() as connection:
                    return await work(connection)
        except (RedisError, OSError, TimeoutError) as error:
            raise ViewsAway from error


def _arguments(
    tenant_id: UUID,
    sr_id: UUID,
    book: Book | BookVersion,
    stamps: bytes,
    *,
    over_newer: bool,
) -> tuple[object, ...]:
    at = book.at if isinstance(book, Book) else book
    version = b"%020d%020d" % (at.epoch, at.version)
    value = _LAYOUT + stamps + version + (_contents(book) if isinstance(book, Book) else b"0")
    life = LIFE_SECONDS + random.uniform(0, JITTER_SECONDS)  # noqa: S311  jitter is no secret
    return (
        len(_LAYOUT), STAMPS_LENGTH, stamps, version, value, round(life * 1000), int(isinstance(book, Book)),
        int(over_newer), CHANNEL, book_name(tenant_id, sr_id),
    )  # fmt: skip


def _contents(book: Book) -> bytes:
    index = _index_encoder.encode(book.listed)
    return b"1%06d%010d%b%b" % (book.format, len(index), index, book.documents)


def _parse(value: object, stamps: bytes) -> Book | None:
    if not isinstance(value, bytes) or not value.startswith(_LAYOUT + stamps):
        return None
    if value[_HAS_DOCUMENTS_AT:_FORMAT_AT] != b"1":
        return None
    try:
        documents_at = _INDEX_AT + int(value[_INDEX_LENGTH_AT:_INDEX_AT])
        return Book(
            at=parse_version(value[_VERSION_AT:_HAS_DOCUMENTS_AT]),
            listed=_index_decoder.decode(value[_INDEX_AT:documents_at]),
            documents=value[documents_at:],
            format=int(value[_FORMAT_AT:_INDEX_LENGTH_AT]),
        )
    except (ValueError, msgspec.DecodeError):
        return None


def parse_version(digits: bytes) -> BookVersion:
    """The version that values and messages hold as 40 digits."""
    return BookVersion(int(digits[:20]), int(digits[20:]))


def _key(tenant_id: UUID, sr_id: UUID) -> str:
    return f"haat:books:{{{book_name(tenant_id, sr_id)}}}"


def book_name(tenant_id: UUID, sr_id: UUID) -> str:
    """What messages call the book."""
    return f"{tenant_id}:{sr_id}"

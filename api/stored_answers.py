"""Answers kept in memory, each for as long as the book that it was made from is known to be unchanged."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from adapters.ending import end_tasks
from adapters.redis.book_messages import BookMessages, Subscription
from adapters.redis.stamped import StampedPool
from api import metrics
from api.session_verdicts import Standing
from domain.books import BookVersion

LIFE_SECONDS: Final = 60.0
# Books whose last announced version is remembered, and about what that takes.
REMEMBERED: Final = 20_000
_REMEMBERED_BYTES: Final = 400
# One answer must not drive out all others.
_LARGEST_SHARE: Final = 0.1
_TIDIED_EVERY_SECONDS: Final = 0.25
# What the dictionaries take for an answer, and for a book with answers; measured, see the test.
_ANSWER_BYTES: Final = 340
_BOOK_BYTES: Final = 480

# Under which routes leave what their answer depends on in the request's state.
MADE_FROM: Final = "made_from"

# Of the request: Authorization, path, query string, Accept-Encoding, If-None-Match.
Key: TypeAlias = tuple[bytes | None, bytes, bytes, bytes | None, bytes | None]


class MadeFrom(msgspec.Struct, frozen=True):
    """What an answer depends on: a book, by its name in announcements, at a version."""

    book: str
    at: BookVersion


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An answer as it was sent, and what must hold for it to be sent again; `until` is of the monotonic clock."""

    made_from: MadeFrom
    until: float
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    haat_version: bytes
    standing: Standing
    user: UUID
    subject: str
    tally: metrics.Tally

    def size(self, key: Key) -> int:
        """Bytes of memory that keeping it takes."""
        headers = sum(sys.getsizeof(pair) + sys.getsizeof(pair[0]) + sys.getsizeof(pair[1]) for pair in self.headers)
        parts = (key, *key, self, self.made_from, self.body, self.headers, self.haat_version, self.subject)
        return headers + sum(map(sys.getsizeof, parts)) + _ANSWER_BYTES


class Fill(msgspec.Struct, frozen=True):
    """Under which circumstances a request began whose answer may be kept."""

    subscription: Subscription | None
    forgotten: int


class StoredAnswers:
    """Of one process; at most `limit` bytes of them, 0 for none. `pool` is that of the books' readers."""

    def __init__(self, pool: StampedPool, *, limit: int) -> None:
        self.limit = limit
        self._bytes = 0
        self._messages = BookMessages(pool, self.announced, self.clear)
        # The oldest first, which is also who ends first.
        self._answers: dict[Key, Answer] = {}
        self._keys_by_book: dict[str, set[Key]] = {}
        self._announced: dict[str, BookVersion] = {}
        self._remembered = min(REMEMBERED, limit // 4 // _REMEMBERED_BYTES)
        self._room = limit - self._remembered * _REMEMBERED_BYTES
        self._forgotten = 0
        self.get = self._answers.get
        self.hears_all = self._messages.hears_all

    @asynccontextmanager
    async def kept_right(self) -> AsyncIterator["StoredAnswers"]:
        """While inside, announcements are heard; without that nothing is kept."""
        if not self.limit:
            yield self
            return
        tidying = asyncio.create_task(self._keep_tidy())
        try:
            async with self._messages.listening():
                yield self
        finally:
            await end_tasks([tidying], seconds=1)
            self.clear()

    def opened_fill(self) -> Fill:
        """To be called before the answer is made."""
        return Fill(self._messages.subscription, self._forgotten)

    def keep(self, fill: Fill, key: Key, answer: Answer) -> str:
        """Keep the answer unless it may be out of date already; gives, in a word, what became of it."""
        book, at = answer.made_from.book, answer.made_from.at
        if fill.subscription is None or fill.subscription is not self._messages.subscription:
            return "resubscribed"
        if not self.hears_all(time.monotonic()):
            return "unheard"
        if fill.forgotten != self._forgotten:
            return "forgotten"
        if at < self._announced.get(book, at):
            return "outdated"
        size = answer.size(key)
        if size > self._room * _LARGEST_SHARE:
            return "too_large"
        self._remove(key)
        while self._answers and self._bytes + size + _BOOK_BYTES > self._room:
            self._remove(next(iter(self._answers)))
        self._answers[key] = answer
        self._bytes += size
        if book not in self._keys_by_book:
            self._keys_by_book[book] = set()
            self._bytes += _BOOK_BYTES
        self._keys_by_book[book].add(key)
        return "stored"

    def announced(self, book: str, at: BookVersion) -> None:
        """The book is at this version or a newer one: what was made from an older one goes, and comes no more."""
        self._announced[book] = max(at, self._announced.pop(book, at))
        if len(self._announced) > self._remembered:
            del self._announced[next(iter(self._announced))]
            # Nobody can say any more whether an answer that is being made now is older than that.
            self._forgotten += 1
        for key in tuple(self._keys_by_book.get(book, ())):
            if self._answers[key].made_from.at < at:
                self._remove(key)

    def clear(self) -> None:
        """Whatever is kept may be out of date."""
        self._answers.clear()
        self._keys_by_book.clear()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Memory that all this takes."""
        return self._bytes + len(self._announced) * _REMEMBERED_BYTES

    def __contains__(self, key: Key) -> bool:
        return key in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def _remove(self, key: Key) -> None:
        answer = self._answers.pop(key, None)
        if answer is None:
            return
        self._bytes -= answer.size(key)
        keys = self._keys_by_book[answer.made_from.book]
        keys.discard(key)
        if not keys:
            del self._keys_by_book[answer.made_from.book]
            self._bytes -= _BOOK_BYTES

    async def _keep_tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDIED_EVERY_SECONDS)
            now = time.monotonic()
            while self._answers and self._answers[oldest := next(iter(self._answers))].until < now:
                self._remove(oldest)
            metrics.CACHED_ANSWERS.set(len(self))
            metrics.CACHED_BYTES.set(self.bytes)
            metrics.count_tallies()

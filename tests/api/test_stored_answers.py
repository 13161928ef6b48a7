"""Which answers are kept, and for how long they may be believed."""

import asyncio
import time
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.embedded import remove_embedded, start_redis
from adapters.redis.book_messages import TRUSTED_SECONDS
from adapters.redis.client import open_redis
from adapters.redis.stamped import StampedPool
from adapters.redis.views import CHANNEL, BookViews
from api import metrics
from api.session_verdicts import Standing
from api.stored_answers import Answer, Key, MadeFrom, StoredAnswers
from domain.books import BookVersion, bind
from tests.builders.relay import redis_relay_to

LIMIT = 8 * 1024**2
OpenStored = Callable[..., AbstractAsyncContextManager[StoredAnswers]]


def at(version: int) -> BookVersion:
    return BookVersion(1 << 32, version)


def key(number: int = 0) -> Key:
    return (b"Bearer %400d" % number, b"/api/v1/sr/retailers", b"limit=20", b"gzip", None)


def answer(book: str, version: int, *, bytes_long: int = 3000, life: float = 60.0) -> Answer:
    tenant, user, session = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    return Answer(
        made_from=MadeFrom(book, at(version)),
        until=time.monotonic() + life,
        status=200,
        headers=[(b"etag-%d" % number, uuid.uuid4().bytes) for number in range(12)],
        body=bytes(bytes_long),
        haat_version=b"v" * 60,
        standing=Standing((tenant, session)),
        user=user,
        subject=f"user:{user}",
        tally=metrics.tally("GET", "/stored", 200),
    )


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Redis of this module's own."""
    home = tmp_path_factory.mktemp("redis")
    yield home
    remove_embedded(home)


@pytest.fixture
def url(home: Path) -> str:
    return start_redis(home, fast=True).redis_read_url


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Redis]:
    client = open_redis(url)
    yield client
    await client.replicaof("no", "one")
    await client.aclose()


@asynccontextmanager
async def opened(url: str, *, limit: int = LIMIT) -> AsyncIterator[StoredAnswers]:
    """One that hears everything, beside readers of the same server."""
    pool = StampedPool(url, timeout=5)
    try:
        async with pool.connection():
            pass
        async with StoredAnswers(pool, limit=limit).kept_right() as stored:
            await eventually(lambda: stored.hears_all(time.monotonic()))
            yield stored
    finally:
        await pool.close()


@pytest.fixture
async def stored(url: str) -> AsyncIterator[StoredAnswers]:
    async with opened(url) as one:
        yield one


async def test_an_answer_is_kept_until_its_book_has_a_newer_version(stored: StoredAnswers) -> None:
    assert stored.keep(stored.opened_fill(), key(), answer("book", 5)) == "stored"
    stored.announced("book", at(4))
    stored.announced("book", at(5))
    stored.announced("other", at(9))
    assert key() in stored
    stored.announced("book", at(6))
    assert (key() in stored, len(stored)) == (False, 0)


async def test_an_answer_that_an_announcement_overtook_is_not_kept(stored: StoredAnswers) -> None:
    fill = stored.opened_fill()
    stored.announced("book", at(6))
    # An older message may come later, from a process that was slow.
    stored.announced("book", at(5))
    assert stored.keep(fill, key(), answer("book", 5)) == "outdated"
    assert stored.keep(fill, key(), answer("book", 6)) == "stored"


async def test_the_messages_of_other_processes_are_heard(stored: StoredAnswers, url: str) -> None:
    tenant_id, sr_id = uuid.uuid4(), uuid.uuid4()
    name = f"{tenant_id}:{sr_id}"
    assert stored.keep(stored.opened_fill(), key(), answer(name, 1)) == "stored"
    other = BookViews(StampedPool(url, timeout=5))
    await other.put(tenant_id, {sr_id: bind(at(2), [])})
    await eventually(lambda: key() not in stored)
    await other.close()


async def test_a_version_dropped_for_room_refuses_all_that_was_under_way(
    stored: StoredAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_remembered", 2)
    fill = stored.opened_fill()
    for book in ("a", "b", "c"):
        stored.announced(book, at(2))
    assert stored.keep(fill, key(), answer("a", 1)) == "forgotten"
    assert stored.keep(stored.opened_fill(), key(), answer("a", 2)) == "stored"


async def test_what_began_under_another_subscription_is_not_kept(url: str, tmp_path: Path) -> None:
    async with redis_relay_to(url, tmp_path) as relay, opened(relay.url) as stored:
        fill = stored.opened_fill()
        assert stored.keep(fill, key(), answer("book", 1)) == "stored"
        await relay.cut()
        await eventually(lambda: len(stored) == 0)
        assert not stored.hears_all(time.monotonic())
        assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "resubscribed"
        await relay.connect()
        await eventually(lambda: stored.hears_all(time.monotonic()))
        assert stored.keep(fill, key(), answer("book", 1)) == "resubscribed"
        assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "stored"


async def test_a_line_that_falls_silent_is_soon_trusted_no_more(url: str, tmp_path: Path) -> None:
    async with redis_relay_to(url, tmp_path) as relay, opened(relay.url) as stored:
        relay.hold_up()
        # No ping that is sent from now on is answered, and no packet says so.
        assert not stored.hears_all(time.monotonic() + TRUSTED_SECONDS)
        await asyncio.sleep(TRUSTED_SECONDS)
        assert not stored.hears_all(time.monotonic())
        assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) in {"unheard", "resubscribed"}
        await relay.connect()


async def test_a_line_on_which_everything_comes_late_is_not_trusted(url: str, redis: Redis, tmp_path: Path) -> None:
    async with redis_relay_to(url, tmp_path) as relay, opened(relay.url) as stored:
        # There and back it is too late, although answers arrive more often than trust would run out.
        relay.delay = 0.6 * TRUSTED_SECONDS
        for version in (1, 2, 3, 4):
            await redis.publish(CHANNEL, f"late {1 << 32:020d}{version:020d}")
            while stored._announced.get("late") != at(version):
                await asyncio.sleep(0.01)
                # By the third, answers to pings have come again and again, and each of them late.
                assert version <= 2 or not stored.hears_all(time.monotonic())


async def test_a_server_that_became_a_replica_is_not_listened_to(stored: StoredAnswers, redis: Redis) -> None:
    assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "stored"
    await redis.replicaof("127.0.0.1", "1")
    await eventually(lambda: len(stored) == 0)
    assert not stored.hears_all(time.monotonic())


async def test_messages_of_another_server_than_the_readers_say_nothing(stored: StoredAnswers) -> None:
    pool = stored._messages._pool
    own, pool.stamps = pool.stamps, b"x" * 80
    assert not stored.hears_all(time.monotonic())
    assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "unheard"
    pool.stamps = own
    await eventually(lambda: stored.hears_all(time.monotonic()))


async def test_a_message_that_nobody_understands_may_be_of_any_book(stored: StoredAnswers, redis: Redis) -> None:
    assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "stored"
    await redis.publish(CHANNEL, b"\xff what")
    await eventually(lambda: len(stored) == 0)
    await eventually(lambda: stored.hears_all(time.monotonic()))


async def test_what_has_outlived_its_time_is_dropped(stored: StoredAnswers) -> None:
    assert stored.keep(stored.opened_fill(), key(1), answer("book", 1, life=0)) == "stored"
    assert stored.keep(stored.opened_fill(), key(2), answer("book", 1)) == "stored"
    await eventually(lambda: key(1) not in stored)
    assert key(2) in stored


async def test_the_oldest_make_room(url: str) -> None:
    async with opened(url, limit=400_000) as stored:
        for number in range(500):
            assert stored.keep(stored.opened_fill(), key(number), answer(f"book {number}", 1)) == "stored"
            assert stored.bytes <= 400_000
        kept = [number for number in range(500) if key(number) in stored]
        assert kept == list(range(500 - len(kept), 500))
        assert len(kept) > 20
        assert stored.keep(stored.opened_fill(), key(), answer("book", 1, bytes_long=100_000)) == "too_large"
        assert len(stored) == len(kept)


async def test_nothing_remains_of_what_was_dropped(stored: StoredAnswers) -> None:
    for number in range(50):
        stored.keep(stored.opened_fill(), key(number), answer(f"book {number % 7}", 1))
    stored.keep(stored.opened_fill(), key(1), answer("book 1", 1))
    for number in range(7):
        stored.announced(f"book {number}", at(2))
    assert (len(stored), stored._bytes, stored._keys_by_book) == (0, 0, {})


async def test_bytes_are_those_of_memory(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(url, limit=64 * 1024**2) as stored:
        # Tracing is slow: pings may come too late for it.
        monkeypatch.setattr(stored, "hears_all", lambda _: True)
        for size in (100, 10_000):
            stored.clear()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            for number in range(300):
                made = answer(f"{uuid.uuid4()}:{uuid.uuid4()}", number, bytes_long=size)
                assert stored.keep(stored.opened_fill(), key(number), made) == "stored"
            taken = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            assert 0.8 < taken / stored.bytes <= 1.0


async def test_without_room_nothing_is_kept(url: str) -> None:
    pool = StampedPool(url)
    async with StoredAnswers(pool, limit=0).kept_right() as stored:
        assert stored.keep(stored.opened_fill(), key(), answer("book", 1)) == "resubscribed"
        stored.announced("book", at(1))
        assert (len(stored), stored.bytes) == (0, 0)
    await pool.close()

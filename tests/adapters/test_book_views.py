"""Books in one Redis: what is believed of them, and for how long."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from adapters.embedded import kill_redis, remove_embedded, start_redis
from adapters.redis import stamped, views
from adapters.redis.client import open_redis
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews, ViewsAway
from domain.books import Book, BookVersion, bind

TENANT, SR = uuid.uuid4(), uuid.uuid4()


def book(version: int) -> Book:
    return bind(BookVersion(1 << 32, version), [("Shop", uuid.UUID(int=7), '{"name":"Shop"}')])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Redis of this module's own, to be demoted, killed and flushed."""
    home = tmp_path_factory.mktemp("redis")
    yield home
    remove_embedded(home)


@pytest.fixture
def url(home: Path) -> str:
    return start_redis(home, fast=True).redis_read_url


@pytest.fixture
async def own(url: str) -> AsyncIterator[BookViews]:
    one = BookViews(StampedPool(url, timeout=2))
    yield one
    await one.close()


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Redis]:
    client = open_redis(url)
    yield client
    await client.aclose()


async def test_a_value_lives_about_ten_minutes(own: BookViews, redis: Redis) -> None:
    srs = [uuid.uuid4() for _ in range(20)]
    await own.put(TENANT, dict.fromkeys(srs, book(1)))
    lives = {await redis.pttl(views._key(TENANT, sr_id)) for sr_id in srs}
    assert all(600_000 - 5_000 < life <= 660_000 for life in lives)
    # Books that were put together do not expire together.
    assert max(lives) - min(lives) > 5_000


async def test_a_server_that_forgot_its_scripts_is_taught_again(own: BookViews, redis: Redis) -> None:
    await own.put(TENANT, {SR: book(1)})
    await redis.script_flush()
    await redis.flushall()
    assert await own.put(TENANT, {SR: book(2)}) == {SR: book(2).at}
    assert await own.get(TENANT, SR) == book(2)


async def test_a_server_that_became_a_replica_is_not_asked(
    own: BookViews, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it is a master again, what it held before may be anything."""
    monkeypatch.setattr(stamped, "STAMPS_SECONDS", 0)
    await own.put(TENANT, {SR: book(5)})
    assert await own.get(TENANT, SR) == book(5)
    await redis.replicaof("127.0.0.1", "1")
    with pytest.raises(ViewsAway):
        await own.get(TENANT, SR)
    await redis.replicaof("no", "one")
    assert await redis.exists(views._key(TENANT, SR))
    assert await own.get(TENANT, SR) is None
    await own.put(TENANT, {SR: book(4)})
    assert await own.get(TENANT, SR) == book(4)


async def test_a_restarted_server_is_another_one(own: BookViews, home: Path) -> None:
    await own.put(TENANT, {SR: book(5)})
    kill_redis(home)
    start_redis(home, fast=True)
    assert await own.get(TENANT, SR) is None
    assert await own.put(TENANT, {SR: book(5)}) == {SR: book(5).at}
    assert await own.get(TENANT, SR) == book(5)


async def test_no_server_is_said_at_once() -> None:
    nowhere = BookViews(StampedPool("unix:///nowhere/redis.sock"))
    with pytest.raises(ViewsAway):
        await nowhere.get(TENANT, SR)
    with pytest.raises(ViewsAway):
        await nowhere.put(TENANT, {SR: book(1)})
    await nowhere.close()


@pytest.mark.parametrize("value", [b"", b"haat-book-1 ", b"haat-book-2 " + b"x" * 200, "cut off", "other"])
async def test_what_is_no_value_of_ours_is_no_book(own: BookViews, redis: Redis, value: bytes | str) -> None:
    key = views._key(TENANT, SR)
    await own.put(TENANT, {SR: book(1)})
    whole: bytes = await redis.get(key)
    damaged = {"cut off": whole[:150], "other": whole[:140] + b"\xff" * 60}.get(str(value), value)
    await redis.set(key, damaged)
    assert await own.get(TENANT, SR) is None


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, st.uuids(), NAMES.map(lambda text: f'"{text}"')), max_size=8))
def test_a_book_survives_the_way_there_and_back(documents: list[tuple[str, uuid.UUID, str]]) -> None:
    made = bind(BookVersion(3 << 32, 2**62), documents)
    stamps = b"s" * stamped.STAMPS_LENGTH
    value = views._arguments(TENANT, SR, made, stamps, over_newer=False)[4]
    assert views._parse(value, stamps) == made
    assert views._parse(value, b"t" * stamped.STAMPS_LENGTH) is None
    texts = [text for _, _, text in sorted(documents, key=lambda one: (one[0], one[1]))]
    assert [made.document(one).decode() for one in made.listed] == texts

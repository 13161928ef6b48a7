"""The interleavings that break a book whose rules are dropped, each forced by a lock or a second connection."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from adapters.embedded import EmbeddedServers, remove_embedded, start_redis
from adapters.redis import views as values
from adapters.redis.client import open_redis
from domain.books import Book, BookVersion, Needed, bind
from domain.shared.errors import Unavailable
from tests.builders.books import Market, rendering
from tests.commands.books.conftest import DEADLINE, Process, until
from tests.conftest import Database


async def waiting_for_locks(market: Market, number: int) -> bool:
    count = await market.owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(count >= number)


async def test_documents_are_selected_after_the_lock(process: Process, market: Market, database: Database) -> None:
    """A renderer that waited for a lock must see what was committed while it waited."""
    (shop,) = await market.add_retailers(["Before"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    holder = await asyncpg.connect(database.owner_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("SELECT FROM books WHERE tenant_id = $1 FOR NO KEY UPDATE", market.tenant_id)
    render = asyncio.create_task(process.renderer.render(market.tenant_id, [market.sr_id]))
    await until(lambda: waiting_for_locks(market, 1))
    await market.rename(shop, "While it waited")
    await lock.rollback()
    await holder.close()
    await render
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert [one.name for one in book.listed] == ["While it waited"]


async def test_renderers_of_the_same_books_in_any_order_do_not_deadlock(process: Process, market: Market) -> None:
    srs = [await market.add_sr() for _ in range(8)]
    for number, sr_id in enumerate(srs):
        await market.add_retailers([f"{number}"], sr_id=sr_id)

    async def render(order: Sequence[uuid.UUID]) -> dict[uuid.UUID, BookVersion]:
        return await process.renderer.render(market.tenant_id, order)

    results = await asyncio.gather(*(render(srs[turn:] + srs[:turn]) for turn in range(8)))
    assert all(result == results[0] for result in results)
    assert {version.version for version in results[0].values()} == {1}


async def test_an_older_version_never_replaces_a_newer_one(process: Process, market: Market) -> None:
    older = bind(BookVersion(1 << 32, 5), [("Old", uuid.uuid4(), "{}")])
    newer = bind(BookVersion(1 << 32, 6), [("New", uuid.uuid4(), "{}")])
    key = (market.tenant_id, {market.sr_id: newer})
    assert await process.views.put(*key) == {market.sr_id: newer.at}
    assert await process.views.put(market.tenant_id, {market.sr_id: older}) == {market.sr_id: newer.at}
    assert await process.views.get(market.tenant_id, market.sr_id) == newer
    # An epoch counts before a version, and a bare version hides documents that are older.
    assert await process.views.put(market.tenant_id, {market.sr_id: BookVersion((1 << 32) + 1, 1)})
    assert await process.views.get(market.tenant_id, market.sr_id) is None
    assert await process.views.put(market.tenant_id, {market.sr_id: newer}) == {
        market.sr_id: BookVersion((1 << 32) + 1, 1)
    }
    assert await process.views.get(market.tenant_id, market.sr_id) is None


async def test_a_bare_version_keeps_the_documents_of_the_same_version(process: Process, market: Market) -> None:
    book = bind(BookVersion(1 << 32, 5), [("Shop", uuid.uuid4(), "{}")])
    await process.views.put(market.tenant_id, {market.sr_id: book})
    await process.views.put(market.tenant_id, {market.sr_id: book.at})
    assert await process.views.get(market.tenant_id, market.sr_id) == book


async def test_every_put_announces_the_newest_version(
    process: Process, market: Market, servers: EmbeddedServers
) -> None:
    """Also when nothing is different, and when a newer one is there: whoever should have said it may have died."""
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    redis: Redis = open_redis(servers.redis_read_url)
    async with redis.pubsub() as channel:
        await channel.subscribe(values.CHANNEL)
        first = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
        await process.renderer.render(market.tenant_id, [market.sr_id])
        await process.views.put(market.tenant_id, {market.sr_id: BookVersion(first.epoch, 0)})
        said: list[bytes] = []
        async with asyncio.timeout(DEADLINE):
            while len(said) < 3:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1)
                if message is not None and str(market.sr_id).encode() in message["data"]:
                    said.append(message["data"])
    await redis.aclose()
    expected = f"{market.tenant_id}:{market.sr_id} {first.epoch:020d}{first.version:020d}"
    assert said == [expected.encode()] * 3


async def test_a_renderer_that_died_before_its_put_is_made_good_by_the_next(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename(shop, "Renamed")
    # Committed, and dead before anything went to Redis:
    left = (await process.renderer.write(market.tenant_id, [market.sr_id]))[market.sr_id]
    stale = await process.views.get(market.tenant_id, market.sr_id)
    assert stale is not None
    assert stale.at < left
    assert await process.renderer.render(market.tenant_id, [market.sr_id]) == {market.sr_id: left}
    fresh = await process.views.get(market.tenant_id, market.sr_id)
    assert fresh is not None
    assert (fresh.at, fresh.listed[0].name) == (left, "Renamed")


async def test_a_slow_put_is_followed_by_what_was_committed_meanwhile(
    start_process: Callable[..., Process], market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed second, put first, expired: the slow put must notice that it is not the newest."""
    slow, quick = start_process(), start_process()
    (shop,) = await market.add_retailers(["One"], sr_id=market.sr_id)
    put = slow.views.put
    may_put = asyncio.Event()
    arrived = asyncio.Event()

    async def put_late(*arguments: object, **options: object) -> object:
        arrived.set()
        await may_put.wait()
        return await put(*arguments, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(slow.views, "put", put_late)
    render = asyncio.create_task(slow.renderer.render(market.tenant_id, [market.sr_id]))
    await arrived.wait()
    await market.rename(shop, "Two")
    newest = (await quick.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    await _flush(slow, market)
    may_put.set()
    assert await render == {market.sr_id: newest}
    book = await quick.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert (book.at, book.listed[0].name) == (newest, "Two")


async def test_a_flush_at_any_moment_shows_to_nobody(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop 0"], sr_id=market.sr_id)
    for number in range(1, 5):
        await market.rename(shop, f"Shop {number}")
        version = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
        await _flush(process, market)
        book = await process.reader.book(market.tenant_id, market.sr_id, Needed(at=version))
        assert (book.at, book.listed[0].name) == (version, f"Shop {number}")
        assert await process.views.get(market.tenant_id, market.sr_id) == book


async def test_a_value_from_a_future_that_the_database_lost_is_replaced(process: Process, market: Market) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    lost = bind(BookVersion(900 << 32, 77), [("Lost", uuid.uuid4(), "{}")])
    await process.views.put(market.tenant_id, {market.sr_id: lost})
    version = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert (book.at, book.listed[0].name) == (version, "Shop")


async def test_a_value_of_another_redis_is_not_trusted_and_always_replaced(
    start_process: Callable[..., Process], market: Market, tmp_path: Path
) -> None:
    """The same data under another server, as after a failover: its versions may be anything."""
    here, there = start_process(), None
    elsewhere = start_redis(tmp_path, fast=True)
    try:
        there = start_process(redis_url=elsewhere.redis_read_url)
        await market.add_retailers(["Shop"], sr_id=market.sr_id)
        foreign = bind(BookVersion(900 << 32, 77), [("Foreign", uuid.uuid4(), "{}")])
        await there.views.put(market.tenant_id, {market.sr_id: foreign})
        await _copy(there, here, market)
        assert await here.views.get(market.tenant_id, market.sr_id) is None
        own = bind(BookVersion(1 << 32, 1), [("Own", uuid.uuid4(), "{}")])
        assert await here.views.put(market.tenant_id, {market.sr_id: own}) == {market.sr_id: own.at}
        assert await here.views.get(market.tenant_id, market.sr_id) == own
        await _copy(there, here, market)
        version = (await here.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
        book = await here.views.get(market.tenant_id, market.sr_id)
        assert book is not None
        assert book.at == version
        await there.views.close()
    finally:
        remove_embedded(tmp_path)


async def test_without_redis_reads_come_from_postgresql(start_process: Callable[..., Process], market: Market) -> None:
    alone = start_process(redis_url="unix:///nowhere/redis.sock")
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    book = await alone.reader.book(market.tenant_id, market.sr_id, Needed())
    assert [one.id for one in book.listed] == [shop]
    await market.rename(shop, "Renamed")
    book = await alone.reader.book(market.tenant_id, market.sr_id, Needed(render_first=True))
    assert [one.name for one in book.listed] == ["Renamed"]


async def test_more_reads_than_there_are_places_at_the_primary_are_sent_away(
    start_process: Callable[..., Process], market: Market, database: Database
) -> None:
    process = start_process(redis_url="unix:///nowhere/redis.sock", fallback_reads=1)
    other = await market.add_sr()
    holder = await asyncpg.connect(database.owner_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("LOCK TABLE book_entries IN ACCESS EXCLUSIVE MODE")
    first = asyncio.create_task(process.reader.book(market.tenant_id, market.sr_id, Needed()))
    await until(lambda: waiting_for_locks(market, 1))
    with pytest.raises(Unavailable) as refusal:
        await process.reader.book(market.tenant_id, other, Needed())
    assert refusal.value.retry_after >= 1
    await lock.rollback()
    await holder.close()
    assert (await first).listed == ()


async def test_reads_of_one_book_share_one_refill(
    process: Process, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await _flush(process, market)
    read = process.published.read
    reads = 0

    async def counted(tenant_id: uuid.UUID, sr_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Book]:
        nonlocal reads
        reads += 1
        return await read(tenant_id, sr_ids)

    monkeypatch.setattr(process.published, "read", counted)
    books = await asyncio.gather(*(process.reader.book(market.tenant_id, market.sr_id, Needed()) for _ in range(20)))
    assert len({book.at for book in books}) == 1
    assert reads == 1


async def test_who_waited_for_a_refill_that_is_too_old_starts_the_next(
    process: Process, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop,) = await market.add_retailers(["One"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await _flush(process, market)
    read = process.published.read
    has_read, may_return = asyncio.Event(), asyncio.Event()

    async def held(tenant_id: uuid.UUID, sr_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Book]:
        books = await read(tenant_id, sr_ids)
        has_read.set()
        await may_return.wait()
        return books

    monkeypatch.setattr(process.published, "read", held)
    early = asyncio.create_task(process.reader.book(market.tenant_id, market.sr_id, Needed()))
    await has_read.wait()
    await market.rename(shop, "Two")
    version = (await process.renderer.write(market.tenant_id, [market.sr_id]))[market.sr_id]
    late = asyncio.create_task(process.reader.book(market.tenant_id, market.sr_id, Needed(at=version)))
    await asyncio.sleep(0)
    may_return.set()
    assert (await late).listed[0].name == "Two"
    assert (await early).listed[0].name == "One"


async def test_locks_are_taken_in_the_order_of_sr_ids(
    market: Market, database: Database, servers: EmbeddedServers
) -> None:
    """Whoever waits for the first book holds none of the later ones, however the rows lie on disk."""
    srs = sorted([await market.add_sr() for _ in range(6)])
    for sr_id in reversed(srs):
        await market.owner.execute(
            "INSERT INTO books (tenant_id, sr_id, epoch, version) VALUES ($1, $2, 0, 1)", market.tenant_id, sr_id
        )
    holder = await asyncpg.connect(database.owner_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("SELECT FROM books WHERE sr_id = $1 FOR NO KEY UPDATE", srs[0])
    # Read as they lie, not by an index that happens to have the right order.
    for way in ("indexscan", "bitmapscan"):
        await market.owner.execute(f'ALTER DATABASE "{database.name}" SET enable_{way} = off')
    async with rendering(database.app_url, servers.redis_read_url) as renderer:
        render = asyncio.create_task(renderer.render(market.tenant_id, srs))
        await until(lambda: waiting_for_locks(market, 1))
        free = await market.owner.fetch(
            "SELECT sr_id FROM books WHERE tenant_id = $1 FOR NO KEY UPDATE SKIP LOCKED", market.tenant_id
        )
        assert {row["sr_id"] for row in free} == set(srs[1:])
        await lock.rollback()
        await holder.close()
        await render
    for way in ("indexscan", "bitmapscan"):
        await market.owner.execute(f'ALTER DATABASE "{database.name}" RESET enable_{way}')


async def test_a_book_behind_the_callers_version_is_read_from_the_primary(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["One"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename(shop, "Two")
    # Rendered by a process that has not reached Redis yet.
    version = (await process.renderer.write(market.tenant_id, [market.sr_id]))[market.sr_id]
    assert (await process.reader.book(market.tenant_id, market.sr_id, Needed())).listed[0].name == "One"
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed(at=version))
    assert (book.at, book.listed[0].name) == (version, "Two")
    # The read has put what it found, so others see it too.
    assert (await process.reader.book(market.tenant_id, market.sr_id, Needed())).at == version


async def test_a_version_above_the_primarys_is_served_from_the_primary(process: Process, market: Market) -> None:
    await market.add_retailers(["One"], sr_id=market.sr_id)
    version = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    above = BookVersion(version.epoch, version.version + 10)
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed(at=above))
    assert book.at == version


async def test_renders_begun_before_a_request_are_not_enough_for_it(
    process: Process, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two reads with tokens that say unrendered: the second came while the first one's render ran."""
    (shop,) = await market.add_retailers(["One"], sr_id=market.sr_id)
    write = process.renderer.write
    has_rendered, may_return = asyncio.Event(), asyncio.Event()

    async def held(tenant_id: uuid.UUID, sr_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, BookVersion]:
        versions = await write(tenant_id, sr_ids)
        has_rendered.set()
        await may_return.wait()
        return versions

    monkeypatch.setattr(process.renderer, "write", held)
    monkeypatch.setattr(process.reader, "_renderer", process.renderer)
    first = asyncio.create_task(process.reader.book(market.tenant_id, market.sr_id, Needed(render_first=True)))
    await has_rendered.wait()
    await market.rename(shop, "Two")
    second = asyncio.create_task(process.reader.book(market.tenant_id, market.sr_id, Needed(render_first=True)))
    await asyncio.sleep(0)
    may_return.set()
    assert (await first).listed[0].name == "One"
    assert (await second).listed[0].name == "Two"


async def test_a_promotion_begins_a_new_epoch(process: Process, market: Market) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    first = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    # As the book would look on a server that was promoted after it was rendered:
    await market.owner.execute(
        "UPDATE books SET epoch = epoch - (1::bigint << 32) WHERE tenant_id = $1", market.tenant_id
    )
    before = BookVersion(first.epoch - (1 << 32), first.version + 5)
    lost = bind(before, [("Never committed here", uuid.uuid4(), "{}")])
    await _flush(process, market)
    await process.views.put(market.tenant_id, {market.sr_id: lost})
    # This process has talked to the promoted server, so it does not believe the value from before.
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed())
    assert (book.at.epoch, book.at.version) == (first.epoch, first.version + 1)
    assert [one.name for one in book.listed] == ["Shop"]
    assert await process.views.get(market.tenant_id, market.sr_id) == book


async def test_a_new_epoch_is_above_every_one_before(process: Process, market: Market) -> None:
    versions = [
        (await process.renderer.render(market.tenant_id, [market.sr_id], new_epoch=new))[market.sr_id]
        for new in (False, True, True, False)
    ]
    assert versions[0] < versions[1] < versions[2] == versions[3]
    assert versions[0].epoch < versions[1].epoch < versions[2].epoch
    assert versions[0].epoch >> 32 == versions[2].epoch >> 32


async def _flush(process: Process, market: Market) -> None:
    """What a flush or an eviction does to this organisation's books; other tests keep theirs."""
    async with process.views._pool.connection() as connection:
        (keys,) = await connection.ask([("KEYS", f"*{market.tenant_id}*")])
        if keys:
            await connection.ask([("DEL", *keys)])


async def _copy(source: Process, target: Process, market: Market) -> None:
    async with source.views._pool.connection() as connection:
        (keys,) = await connection.ask([("KEYS", f"*{market.tenant_id}*")])
        contents = await connection.ask([("GET", key) for key in keys])
    assert contents
    async with target.views._pool.connection() as connection:
        await connection.ask([("SET", key, value) for key, value in zip(keys, contents, strict=True)])

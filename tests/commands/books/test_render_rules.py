"""What a render promises beside the right documents: durable, whole, with few statements, and in nobody's way."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded import kill_redis, remove_embedded, start_redis
from adapters.redis.views import ViewsAway
from adapters.settings import Settings, load_settings
from commands.books.report_rendered import RenderedReporter
from domain.books import FORMAT, Book, Needed
from tests.api.conftest import environment
from tests.builders.books import Market, open_market, rendering
from tests.commands.books.conftest import Process, until
from tests.conftest import Database
from workers.relay import run_relay


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """What is sent to PostgreSQL, but for beginning and ending transactions."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)


async def is_waiting(market: Market) -> bool:
    return bool(
        await market.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )


async def test_what_counts_is_that_an_assignment_is_open_whatever_its_dates_say(
    process: Process, market: Market
) -> None:
    """Whoever moves retailers on a date closes and opens rows then: a book never changes by itself."""
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await market.owner.execute(
        "UPDATE assignments SET started_at = now() + interval '1 day' WHERE retailer_id = $1", shop
    )
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed())
    assert [one.id for one in book.listed] == [shop]


async def test_a_retailer_has_one_holder_at_most(market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await market.owner.execute(
            "INSERT INTO assignments (tenant_id, id, retailer_id, sr_id) VALUES ($1, gen_random_uuid(), $2, $3)",
            market.tenant_id, shop, await market.add_sr(),
        )  # fmt: skip
    assert refusal.value.constraint_name == "uq_assignments_open"


async def test_renders_are_durable_whatever_the_server_prefers(process: Process, market: Market) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    database = await market.owner.fetchval("SELECT current_database()")
    await market.owner.execute(
        """
        CREATE FUNCTION note_durability() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_setting('synchronous_commit') <> 'on' THEN RAISE 'not durable'; END IF;
            RETURN NEW;
        END $$
        """
    )
    await market.owner.execute(
        "CREATE TRIGGER durable BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION note_durability()"
    )
    await market.owner.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off')
    await process.engine.dispose()
    assert (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id].version == 1
    await market.owner.execute(f'ALTER DATABASE "{database}" RESET synchronous_commit')
    await market.owner.execute("DROP FUNCTION note_durability CASCADE")


async def test_a_value_of_a_newer_format_is_served_under_the_same_key(process: Process, market: Market) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    newer = msgspec.structs.replace(book, format=FORMAT + 1)
    await process.views.put(market.tenant_id, {market.sr_id: newer})
    assert await process.reader.book(market.tenant_id, market.sr_id, Needed()) == newer


async def test_many_books_take_as_few_statements_as_one(process: Process, market: Market) -> None:
    """All documents come from one statement: of two, a retailer that moves meanwhile might be in none."""
    srs = [await market.add_sr() for _ in range(15)]
    for sr_id in srs:
        await market.add_retailers(["A", "B"], sr_id=sr_id)
    counts = []
    for some in (srs[:1], srs[1:]):
        await process.renderer.render(market.tenant_id, some)
        await market.rename_region(f"Region {len(some)}")
        with statements(process.engine) as sent:
            await process.renderer.render(market.tenant_id, some)
        counts.append(len(sent))
        assert sum("row_to_json(document)" in one for one in sent) == 1
    assert counts[0] == counts[1]


async def test_entries_and_version_change_together_or_not_at_all(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    before = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    await market.owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$"
    )
    await market.owner.execute(
        "CREATE CONSTRAINT TRIGGER refused AFTER UPDATE ON book_entries DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    await market.rename(shop, "Renamed")
    with pytest.raises(DBAPIError):
        await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.owner.execute("DROP FUNCTION refuse CASCADE")
    version = await market.owner.fetchval("SELECT version FROM books WHERE sr_id = $1", market.sr_id)
    assert (version, await market.entries(market.sr_id)) == (before.version, {shop: (before.version, True)})


async def test_a_put_that_failed_is_tried_again(
    start_process: Callable[..., Process], market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start_process()
    put, refused = process.views.put, 0

    async def put_later(*arguments: Any, **options: Any) -> Any:
        nonlocal refused
        refused += 1
        if refused <= 2:
            raise ViewsAway from OSError("gone for a moment")
        return await put(*arguments, **options)

    monkeypatch.setattr(process.views, "put", put_later)
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    assert await process.views.get(market.tenant_id, market.sr_id) is not None


async def test_a_render_without_redis_counts_as_not_done(start_process: Callable[..., Process], market: Market) -> None:
    alone = start_process(redis_url="unix:///nowhere/redis.sock")
    with pytest.raises(ViewsAway):
        await alone.renderer.render(market.tenant_id, [market.sr_id], patiently=False)


async def test_renderers_lock_books_and_nothing_else(process: Process, market: Market, database: Database) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename_region("Elsewhere")
    await market.touched(sr_ids=[market.sr_id])
    await market.owner.execute(
        """
        CREATE FUNCTION wait_for_rival() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_advisory_xact_lock(4711);
            RETURN NEW;
        END $$
        """
    )
    await market.owner.execute(
        "CREATE TRIGGER held BEFORE INSERT ON book_entries FOR EACH ROW EXECUTE FUNCTION wait_for_rival()"
    )
    rival = await asyncpg.connect(database.owner_url)
    async with rival.transaction():
        # The render has locked its books and selected its documents when it comes to write entries.
        await rival.execute("SELECT pg_advisory_xact_lock(4711)")
        render = asyncio.create_task(process.renderer.render(market.tenant_id, [market.sr_id]))
        await until(lambda: is_waiting(market))
        for table in ("users", "assignments", "retailers", "territories", "areas", "regions", "outbox"):
            count = await market.owner.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", market.tenant_id)
            rows = await market.owner.fetch(
                f"SELECT FROM {table} WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED", market.tenant_id
            )
            assert len(rows) == count > 0, table
        books = "SELECT FROM books WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED"
        assert await market.owner.fetch(books, market.tenant_id) == []
    await market.owner.execute("DROP FUNCTION wait_for_rival CASCADE")
    await render
    await rival.close()


async def test_many_finished_events_are_reported_in_one_statement(engine: AsyncEngine, market: Market) -> None:
    events = [await market.touched(sr_ids=[market.sr_id]) for _ in range(30)]
    reporter = RenderedReporter(engine)
    open_events = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND rendered_at IS NULL"
    with statements(engine) as sent:
        for event in events:
            reporter.finished(market.tenant_id, [event])
        await until(lambda: market.owner.fetchval(f"SELECT 0 = ({open_events})", market.tenant_id))
    assert sum("UPDATE outbox" in one for one in sent) == 1
    await reporter.close()


async def test_a_refill_is_one_statement_and_so_one_snapshot(process: Process, market: Market) -> None:
    await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    with statements(process.engine) as sent:
        await process.published.read(market.tenant_id, [market.sr_id])
    assert sum("FROM books" in one or "book_entries" in one for one in sent) == 1


async def test_a_refill_that_a_render_overtook_puts_what_is_newest(
    process: Process, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renderer commits, and dies before its put, while a refill is on its way with what was there before."""
    (shop,) = await market.add_retailers(["One"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    read = process.published.read

    async def overtaken(tenant_id: uuid.UUID, sr_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Book]:
        books = await read(tenant_id, sr_ids)
        await market.rename(shop, "Two")
        await process.renderer.write(market.tenant_id, [market.sr_id])
        return books

    monkeypatch.setattr(process.published, "read", overtaken)
    async with process.views._pool.connection() as connection:
        await connection.ask([("DEL", *(await connection.ask([("KEYS", f"*{market.tenant_id}*")]))[0])])
    await process.reader.book(market.tenant_id, market.sr_id, Needed())
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert book.listed[0].name == "Two"


@pytest.fixture
def without_queue(database: Database, redis_url: str, tmp_path: Path) -> Settings:
    """Everything is there but the Redis of the queue."""
    given = environment(database, redis_url, tmp_path)
    return load_settings({**given, "REDIS_URL": "unix:///nowhere/redis.sock"})


async def test_the_relay_renders_by_itself_without_workers_or_a_queue(
    without_queue: Settings, process: Process, market: Market
) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await market.touched(sr_ids=[market.sr_id])
    stop = asyncio.Event()
    relay = asyncio.create_task(run_relay(without_queue, stop))
    try:

        async def is_there() -> bool:
            return await process.views.get(market.tenant_id, market.sr_id) is not None

        await until(is_there)
    finally:
        stop.set()
        await relay


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis that a test may kill."""
    yield start_redis(tmp_path, fast=True).redis_read_url
    remove_embedded(tmp_path)


async def test_a_redis_that_comes_back_is_used_again_without_a_restart(
    start_process: Callable[..., Process], own_redis: str, tmp_path: Path, market: Market
) -> None:
    process = start_process(redis_url=own_redis)
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.reader.book(market.tenant_id, market.sr_id, Needed())
    kill_redis(tmp_path)
    await market.rename(shop, "Renamed")
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed(render_first=True))
    assert book.listed[0].name == "Renamed"
    start_redis(tmp_path, fast=True)

    async def is_there() -> bool:
        await process.reader.book(market.tenant_id, market.sr_id, Needed())
        try:
            return await process.views.get(market.tenant_id, market.sr_id) == book
        except ViewsAway:
            return False

    await until(is_there)


async def test_books_of_organisations_that_share_an_id_never_meet(
    database: Database, process: Process, market: Market, redis_url: str
) -> None:
    """Keys and locks carry the organisation: the same SR id elsewhere is another book."""
    other = await open_market(database)
    await other.owner.execute("UPDATE users SET id = $2 WHERE id = $1", other.sr_id, market.sr_id)
    await market.add_retailers(["Ours"], sr_id=market.sr_id)
    await other.add_retailers(["Theirs"], sr_id=market.sr_id)
    async with rendering(database.app_url, redis_url) as renderer:
        await renderer.render(market.tenant_id, [market.sr_id])
        await renderer.render(other.tenant_id, [market.sr_id])
    books = [await process.views.get(one.tenant_id, market.sr_id) for one in (market, other)]
    assert [[listed.name for listed in book.listed] for book in books if book] == [["Ours"], ["Theirs"]]
    await other.owner.close()


async def test_of_many_books_none_is_left_out_and_one_that_is_held_keeps_half_of_them_at_most(
    process: Process, market: Market, database: Database
) -> None:
    """Two batches at a time, each with books of its own: whoever holds a book of one does not hold up the other."""
    srs = sorted([await market.add_sr() for _ in range(130)])
    assert set(await process.renderer.render(market.tenant_id, srs)) == set(srs)
    await market.add_retailers(["First"], sr_id=srs[0])
    await market.add_retailers(["Last"], sr_id=srs[-1])
    rival = await asyncpg.connect(database.owner_url)
    async with rival.transaction():
        await rival.execute("SELECT FROM books WHERE sr_id = $1 FOR NO KEY UPDATE", srs[0])
        render = asyncio.create_task(process.renderer.render(market.tenant_id, srs))
        await until(lambda: market.owner.fetchval("SELECT version = 2 FROM books WHERE sr_id = $1", srs[-1]))
        assert not render.done()
    versions = await render
    assert set(versions) == set(srs)
    assert (versions[srs[0]].version, versions[srs[1]].version, versions[srs[-1]].version) == (2, 1, 2)
    await rival.close()


async def test_a_batch_that_fails_fails_the_render(process: Process, market: Market) -> None:
    srs = sorted([await market.add_sr() for _ in range(110)])
    await process.renderer.render(market.tenant_id, srs)
    await market.add_retailers(["Last"], sr_id=srs[-1])
    await market.owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$"
    )
    await market.owner.execute(
        "CREATE TRIGGER refused BEFORE INSERT ON book_entries FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with pytest.raises(DBAPIError):
        await process.renderer.render(market.tenant_id, srs)
    await market.owner.execute("DROP FUNCTION refuse CASCADE")
    assert (await process.renderer.render(market.tenant_id, srs))[srs[-1]].version == 2

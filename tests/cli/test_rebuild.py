"""`haat rebuild`: books again, from PostgreSQL into Redis."""

import asyncio

import asyncpg

from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews
from domain.books import Book
from tests.builders.books import Market, open_market
from tests.cli.conftest import Haat, sql
from tests.conftest import Database


async def _open(database: Database) -> Market:
    market = await open_market(database)
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await market.add_sr()
    await market.owner.close()
    return market


def _in_redis(redis_url: str, market: Market) -> Book | None:
    async def get() -> Book | None:
        views = BookViews(StampedPool(redis_url, timeout=1))
        try:
            return await views.get(market.tenant_id, market.sr_id)
        finally:
            await views.close()

    return asyncio.run(get())


def _code(database: Database, market: Market) -> str:
    query = "SELECT code FROM organisations WHERE tenant_id = $1"
    return str(sql(database, lambda conn: conn.fetchval(query, market.tenant_id)))


def test_one_sr_one_organisation_or_all(haat: Haat, database: Database, redis_url: str) -> None:
    market = asyncio.run(_open(database))
    asyncio.run(_open(database))
    one = haat("rebuild", "--sr", market.sr_login.upper())
    assert (one.exit_code, one.stdout.strip()) == (0, "1 book rebuilt."), one.output
    book = _in_redis(redis_url, market)
    assert book is not None
    assert [listed.name for listed in book.listed] == ["Shop"]
    # Each has the SR it was founded with and one more.
    assert haat("rebuild", "--organisation", _code(database, market)).stdout.strip() == "2 books rebuilt."
    # Other tests of this module may have opened markets of their own before.
    assert haat("rebuild").stdout.strip() == f"{asyncio.run(_srs(database))} books rebuilt."
    assert _in_redis(redis_url, market) == book


def test_a_new_epoch_is_above_the_one_before(haat: Haat, database: Database, redis_url: str) -> None:
    market = asyncio.run(_open(database))
    haat("rebuild", "--sr", market.sr_login)
    before = _in_redis(redis_url, market)
    done = haat("rebuild", "--sr", market.sr_login, "--new-epoch")
    assert done.exit_code == 0, done.output
    after = _in_redis(redis_url, market)
    assert before is not None
    assert after is not None
    assert after.at.epoch > before.at.epoch


def test_nobody_of_that_name_is_told(haat: Haat) -> None:
    done = haat("rebuild", "--sr", "nobody@nowhere.test")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no SR nobody@nowhere.test" in done.stderr
    assert "There is no SR in the organisation nowhere" in haat("rebuild", "--organisation", "nowhere").stderr


def test_without_redis_the_message_says_what_to_do(haat: Haat, database: Database) -> None:
    market = asyncio.run(_open(database))
    done = haat("rebuild", "--sr", market.sr_login, env={"REDIS_READ_URL": "unix:///nowhere/redis.sock"})
    assert done.exit_code == 1
    assert "REDIS_READ_URL" in done.stderr


async def _srs(database: Database) -> int:
    connection = await asyncpg.connect(database.owner_url)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM users WHERE role = 'sr'")
    finally:
        await connection.close()
    assert count >= 4
    return count

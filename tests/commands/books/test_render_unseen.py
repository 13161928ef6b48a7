"""Rendering reads an organisation's rows once, also when the planner has never heard of the organisation."""

import asyncpg
import pytest

from adapters.embedded import EmbeddedServers
from adapters.postgres.engine import open_engine
from adapters.postgres.stores import books as book_store
from adapters.postgres.transaction import transaction
from domain.shared.actor import worker_actor
from domain.shared.events import Touches
from tests.builders.books import Market, open_market
from tests.commands.books.conftest import build_process
from tests.conftest import Database

SHOPS = 1_000
READ = ("assignments", "retailers", "territories", "areas")


async def unseen_market(database: Database) -> Market:
    """A full organisation that came after the last ANALYZE, beside one that came before it."""
    for table in (*READ, "book_entries", "books"):
        await execute(database, f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    known = await open_market(database)
    await known.add_retailers([f"Known {number}" for number in range(3 * SHOPS)], sr_id=known.sr_id)
    for table in READ:
        await execute(database, f"ANALYZE {table}")
    await known.owner.close()
    return await open_market(database)


async def execute(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(statement)
    await connection.close()


async def rows_read(database: Database) -> int:
    """By everybody who has closed their connection."""
    connection = await asyncpg.connect(database.owner_url)
    query = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname = ANY($1)"
    number = int(await connection.fetchval(query, READ))
    await connection.close()
    return number


@pytest.mark.parametrize("srs", [1, 8])
async def test_books_of_an_organisation_that_the_planner_has_not_seen_cost_its_rows_once(
    database: Database, servers: EmbeddedServers, srs: int
) -> None:
    market = await unseen_market(database)
    sr_ids = [await market.add_sr() for _ in range(srs)]
    for sr_id in sr_ids:
        await market.add_retailers([f"Shop {number}" for number in range(SHOPS // srs)], sr_id=sr_id)
    await market.owner.close()
    before = await rows_read(database)
    engine = open_engine(database.app_url, application_name="test")
    process = build_process(engine, servers.redis_read_url)
    versions = await process.renderer.render(market.tenant_id, sr_ids)
    await process.views.close()
    await engine.dispose()
    assert [version.version for version in versions.values()] == [1] * srs
    assert await rows_read(database) - before < 20 * SHOPS


async def test_holders_of_a_renamed_region_are_found_by_reading_the_organisation_once(database: Database) -> None:
    market = await unseen_market(database)
    await market.add_retailers([f"Shop {number}" for number in range(SHOPS)], sr_id=market.sr_id)
    await market.owner.close()
    before = await rows_read(database)
    engine = open_engine(database.app_url, application_name="test")
    async with transaction(engine, worker_actor(market.tenant_id)) as tx:
        assert await book_store.holders(tx, Touches(region_ids=(market.region,))) == {market.sr_id}
    await engine.dispose()
    assert await rows_read(database) - before < 20 * SHOPS

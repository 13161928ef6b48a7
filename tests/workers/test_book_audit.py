"""The audit by the clock: every organisation has its turn, and operators see what was found."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.settings import Settings, load_settings
from tests.api.conftest import environment, serving
from tests.builders.books import Market, open_market, rendering
from tests.conftest import Database
from workers.book_audit import audit_books
from workers.machinery import Machinery
from workers.main import open_machinery
from workers.schedule import SCHEDULE


@pytest.fixture
def settings(database: Database, redis_url: str, tmp_path: Path) -> Settings:
    return load_settings(environment(database, redis_url, tmp_path))


@pytest.fixture
async def machinery(settings: Settings) -> AsyncIterator[Machinery]:
    async with open_machinery(settings, asyncio.Event(), concurrency=1) as machinery:
        yield machinery


@pytest.fixture
async def markets(database: Database) -> AsyncIterator[list[Market]]:
    markets = [await open_market(database) for _ in range(2)]
    yield markets
    for one in markets:
        await one.owner.close()


async def counted(settings: Settings) -> dict[str, float]:
    """What operators see of the audit, of all organisations together."""
    async with serving(settings) as client:
        shown = (await client.get("/metrics")).text
    found = re.findall(r"^haat_books_((?:audited|different).*) ([\d.]+)$", shown, re.MULTILINE)
    return {name: float(count) for name, count in found}


async def test_what_the_audit_finds_is_counted_for_operators(
    settings: Settings, machinery: Machinery, markets: list[Market]
) -> None:
    shops = []
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        for market in markets:
            shops += await market.add_retailers(["Shop"], sr_id=market.sr_id)
            await renderer.render(market.tenant_id, [market.sr_id])
    spoilt = markets[1].owner
    await spoilt.execute("UPDATE book_entries SET doc = '{}' WHERE retailer_id = $1", shops[1])
    before = await counted(settings)
    await audit_books(machinery)
    found = await counted(settings)
    assert {name: count - before[name] for name, count in found.items()} == {
        "audited": 2, 'different{where="entries"}': 1, 'different{where="values"}': 0
    }  # fmt: skip
    assert await spoilt.fetchval("SELECT doc FROM book_entries WHERE retailer_id = $1", shops[1]) != "{}"


async def test_an_organisation_has_one_audit_at_a_time_and_its_turn_again_later(
    machinery: Machinery, markets: list[Market]
) -> None:
    owner = markets[0].owner
    looked_at = "SELECT coalesce(sum(looked_at), 0) FROM book_audits"
    for market in markets:
        await market.owner.execute(
            "INSERT INTO books (tenant_id, sr_id, epoch, version) VALUES ($1, $2, 0, 1)", market.tenant_id, market.sr_id
        )
    before = await owner.fetchval(looked_at)
    await asyncio.gather(audit_books(machinery), audit_books(machinery))
    assert await owner.fetchval(looked_at) == before + 2
    await audit_books(machinery)
    assert await owner.fetchval(looked_at) == before + 2
    await owner.execute("UPDATE book_audits SET audited_at = audited_at - interval '1 day'")
    while await owner.fetchval(looked_at) < before + 4:
        await audit_books(machinery)


def test_every_worker_does_it_by_the_clock() -> None:
    assert audit_books in {one.do for one in SCHEDULE}

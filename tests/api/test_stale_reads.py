"""While PostgreSQL is away, an SR's warm book is still served, and says for how long nobody could check it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY

from adapters.settings import Settings
from api.metrics import count_tallies
from tests.api.conftest import PASSWORD, Login, serving
from tests.builders.books import Market, open_market, rendering
from tests.builders.relay import relay_to
from tests.conftest import Database

URL = "/api/v1/sr/retailers"


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database, password=PASSWORD)
    yield market
    await market.owner.close()


async def test_a_warm_book_is_served_marked_while_postgresql_is_away(
    market: Market, settings: Settings, login: Login, tmp_path: Path
) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        await renderer.render(market.tenant_id, [market.sr_id])
    headers = {"Authorization": (await login(market.sr_login)).headers["Authorization"]}
    async with relay_to(settings.database_app_url, tmp_path) as relay:
        cut_off = msgspec.structs.replace(settings, database_app_url=relay.url)
        async with serving(cut_off) as client:
            fresh = await client.get(URL, headers=headers)
            assert (fresh.status_code, fresh.json()["count"]) == (200, 1)
            assert "haat-stale" not in fresh.headers
            await _until_replayed(client, headers)
            await relay.cut()
            stale = await _until(client, headers, marked=True)
            assert stale.json() == fresh.json()
            assert stale.headers["haat-stale"].isdecimal()
            write = await client.patch(f"{URL}/{fresh.json()['items'][0]['id']}", json={"points": 1}, headers=headers)
            assert write.status_code == 503
            assert "retry-after" in write.headers
            await relay.connect()
            again = await _until(client, headers, marked=False)
            assert again.json() == fresh.json()


async def _until(client: httpx.AsyncClient, headers: dict[str, str], *, marked: bool) -> httpx.Response:
    async with asyncio.timeout(15):
        while True:
            answer = await client.get(URL, headers=headers)
            if answer.status_code == 200 and ("haat-stale" in answer.headers) is marked:
                return answer
            await asyncio.sleep(0.05)


async def _until_replayed(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """From now on the page would go out as it is, were it not for the mark."""
    hits = {"outcome": "hit", "reason": ""}
    before = REGISTRY.get_sample_value("haat_response_cache_requests_total", hits) or 0
    async with asyncio.timeout(15):
        while (REGISTRY.get_sample_value("haat_response_cache_requests_total", hits) or 0) == before:
            await client.get(URL, headers=headers)
            count_tallies()

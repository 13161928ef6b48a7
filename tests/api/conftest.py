"""A running API over a database of its own, and people who are logged in to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar

from adapters.settings import Settings, load_settings
from api.app import create_litestar, fronted
from tests.builders.books import Market, open_market, rendering
from tests.builders.organisations import Founded, found
from tests.conftest import Database

PASSWORD = "correct horse battery"
Login = Callable[..., Awaitable[httpx.AsyncClient]]
Render = Callable[[], Awaitable[object]]


@pytest.fixture(scope="module")
def settings(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("haat")
    return load_settings(environment(database, redis_url, home))


def environment(database: Database, redis_url: str, home: Path) -> dict[str, str]:
    """What a process of this installation is told."""
    return {
        "HAAT_HOME": str(home),
        "DATABASE_URL": database.owner_url,
        "DATABASE_APP_URL": database.app_url,
        "REDIS_URL": redis_url,
        "REDIS_READ_URL": redis_url,
        "HAAT_LOG_LEVEL": "warning",
        # All of a session's tests come from one address.
        "HAAT_LIMITS": "off",
    }


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """One API process; several of them may serve the same database."""
    app: Litestar = create_litestar(settings)
    async with app.lifespan(), client_of(app) as client:
        yield client


def client_of(app: Litestar) -> httpx.AsyncClient:
    """Somebody without a login."""
    transport = httpx.ASGITransport(cast("Any", fronted(app)), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://haat.test")


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(settings) as client:
        yield client


@pytest.fixture(scope="module")
async def founded(database: Database) -> Founded:
    """An organisation with an admin and an SR."""
    return await found(database, password=PASSWORD)


@pytest.fixture(scope="module")
async def login(client: httpx.AsyncClient) -> Login:
    """Logs somebody in by their name and gives a client that sends their token."""
    opened: list[httpx.AsyncClient] = []

    async def log_in(name: str, *, password: str = PASSWORD, tenant: str | None = None) -> httpx.AsyncClient:
        body = {"login": name, "password": password, **({"tenant": tenant} if tenant else {})}
        answer = await client.post("/api/v1/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        one = httpx.AsyncClient(
            transport=client._transport, base_url=client.base_url, headers={"Authorization": f"Bearer {token}"}
        )
        opened.append(one)
        return one

    return log_in


@pytest.fixture(scope="module")
async def admin(founded: Founded, login: Login) -> httpx.AsyncClient:
    return await login(founded.admin_login)


@pytest.fixture(scope="module")
async def sr(founded: Founded, login: Login) -> httpx.AsyncClient:
    return await login(founded.sr_login)


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    """An organisation with territories, whose retailers are written by SQL."""
    market = await open_market(database, password=PASSWORD)
    yield market
    await market.owner.close()


@pytest.fixture
async def render(market: Market, settings: Settings) -> AsyncIterator[Render]:
    """The SR's book shows what was changed by SQL."""
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        yield lambda: renderer.render(market.tenant_id, [market.sr_id])


@pytest.fixture
async def market_sr(market: Market, login: Login) -> httpx.AsyncClient:
    """The SR of the market."""
    return await login(market.sr_login)

"""Renderers over one database and one Redis, as several processes would have them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.embedded import EmbeddedServers
from adapters.postgres.engine import open_engine
from adapters.published_books import PublishedBooks
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews
from commands.books.render_books import BookRenderer
from queries._views import BookReader
from tests.builders.books import Market, open_market
from tests.conftest import Database

DEADLINE = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Wait until the (possibly async) condition holds."""
    async with asyncio.timeout(DEADLINE):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.01)  # PostgreSQL and Redis set no event of ours


@dataclass(frozen=True, kw_only=True)
class Process:
    """What one process has to do with books."""

    engine: AsyncEngine
    views: BookViews
    published: PublishedBooks
    renderer: BookRenderer
    reader: BookReader


def build_process(engine: AsyncEngine, redis_url: str, *, fallback_reads: int = 16) -> Process:
    views = BookViews(StampedPool(redis_url, timeout=1))
    published = PublishedBooks(engine, views)
    renderer = BookRenderer(engine, published)
    reader = BookReader(published, renderer, fallback_reads=fallback_reads)
    return Process(engine=engine, views=views, published=published, renderer=renderer, reader=reader)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.app_url, application_name="test", pool_size=5)
    yield engine
    await engine.dispose()


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database)
    yield market
    await market.owner.close()


@pytest.fixture
async def start_process(engine: AsyncEngine, servers: EmbeddedServers) -> AsyncIterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*, redis_url: str = servers.redis_read_url, fallback_reads: int = 16) -> Process:
        started.append(build_process(engine, redis_url, fallback_reads=fallback_reads))
        return started[-1]

    yield start
    for one in started:
        await one.reader.close()
        await one.views.close()


@pytest.fixture
def process(start_process: Callable[..., Process]) -> Process:
    return start_process()

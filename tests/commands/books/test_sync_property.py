"""Whatever happens in whatever order: a client that follows the sync ends with what PostgreSQL says."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.engine import open_engine
from domain.books import Needed
from domain.shared.actor import Actor, Power
from queries._read import Read
from queries.books.book_sync import book_sync
from tests.builders.books import Market, open_market
from tests.commands.books.conftest import Process, build_process
from tests.conftest import Database

SHOPS = 9
SRS = 3


@dataclass
class Client:
    """An SR's app: it stages a full pass and swaps at its end, and keeps every cursor it was ever given."""

    copy: dict[str, str] = field(default_factory=dict)
    staged: dict[str, str] = field(default_factory=dict)
    cursor: str | None = None

    def take(self, page: dict[str, Any]) -> None:
        if page["start"]:
            self.staged = {}
        target = self.staged if page["full"] else self.copy
        names = {one["id"] for one in page["changed"]}
        assert not names & set(page["removed"]), "removed names a retailer that is in the book"
        for removed in page["removed"]:
            target.pop(removed, None)
        target.update({one["id"]: one["name"] for one in page["changed"]})
        if page["full"] and not page["more"]:
            self.copy = dict(self.staged)
        self.cursor = page["cursor"]


@dataclass
class World:
    """What may happen; every step is named after the method that does it."""

    process: Process
    market: Market
    srs: list[uuid.UUID]
    shops: list[uuid.UUID]
    clients: list[Client]

    async def assign(self, bits: int, to: int) -> None:
        """Many at once: many entries of one version are what pages have to get through."""
        some = [shop for place, shop in enumerate(self.shops) if bits >> place & 1]
        await self.market.assign(some, None if to < 0 else self.srs[to])

    async def rename(self, shop: int, number: int) -> None:
        await self.market.rename(self.shops[shop], f"Renamed {number}")

    async def rename_region(self, number: int) -> None:
        await self.market.rename_region(f"Region {number}")

    async def render(self, sr: int) -> None:
        await self.process.renderer.render(self.market.tenant_id, [self.srs[sr]])

    async def begin_epoch(self, sr: int) -> None:
        await self.process.renderer.render(self.market.tenant_id, [self.srs[sr]], new_epoch=True)

    async def pull(self, sr: int, limit: int) -> bool:
        actor = Actor(tenant_id=self.market.tenant_id, user_id=self.srs[sr], power=Power.SR)
        read = Read(engine=self.process.engine, actor=actor)
        client = self.clients[sr]
        body, _ = await book_sync(read, self.process.reader, cursor=client.cursor, limit=limit, needed=Needed())
        page = msgspec.json.decode(body)
        client.take(page)
        return bool(page["more"])

    async def catch_up(self, sr: int, limit: int) -> None:
        while await self.pull(sr, limit):
            pass

    async def forget(self, sr: int) -> None:
        self.clients[sr].cursor = None

    async def borrow(self, sr: int, other: int) -> None:
        self.clients[sr].cursor = self.clients[other].cursor

    async def flush(self) -> None:
        async with self.process.views._pool.connection() as connection:
            (keys,) = await connection.ask([("KEYS", f"*{self.market.tenant_id}*")])
            if keys:
                await connection.ask([("DEL", *keys)])


SR = st.integers(0, SRS - 1)
LIMIT = st.integers(1, 4)
STEP = st.one_of(
    st.tuples(st.just("assign"), st.integers(1, 2**SHOPS - 1), st.integers(-1, SRS - 1)),
    st.tuples(st.just("rename"), st.integers(0, SHOPS - 1), st.integers(0, 3)),
    st.tuples(st.just("rename_region"), st.integers(0, 3)),
    st.tuples(st.just("render"), SR),
    st.tuples(st.just("begin_epoch"), SR),
    st.tuples(st.just("pull"), SR, LIMIT),
    st.tuples(st.just("catch_up"), SR, LIMIT),
    st.tuples(st.just("forget"), SR),
    st.tuples(st.just("borrow"), SR, SR),
    st.tuples(st.just("flush")),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, max_size=40), limit=LIMIT)
def test_every_copy_equals_postgresql_at_the_end(
    database: Database, redis_url: str, steps: list[tuple[Any, ...]], limit: int
) -> None:
    asyncio.run(_play(database, redis_url, steps, limit))


async def _play(database: Database, redis_url: str, steps: list[tuple[Any, ...]], limit: int) -> None:
    engine = open_engine(database.app_url, application_name="test", pool_size=2)
    process = build_process(engine, redis_url)
    market = await open_market(database)
    try:
        srs = [market.sr_id, *[await market.add_sr() for _ in range(SRS - 1)]]
        shops = await market.add_retailers([f"Shop {number}" for number in range(SHOPS)])
        world = World(process, market, srs, shops, [Client() for _ in srs])
        for name, *arguments in steps:
            await getattr(world, name)(*arguments)
        await process.renderer.render(market.tenant_id, srs)
        for number, sr_id in enumerate(srs):
            await world.catch_up(number, limit)
            held = {str(shop): name for shop, name in (await market.held(sr_id)).items()}
            assert world.clients[number].copy == held
    finally:
        await process.reader.close()
        await process.views.close()
        await market.owner.close()
        await engine.dispose()


def test_uuid_order_is_the_databases() -> None:
    """Positions of a sync are compared by the database and kept by us."""
    some = [uuid.uuid4() for _ in range(50)]
    assert sorted(some) == sorted(some, key=lambda one: one.bytes)

"""After a commit: the books it touched are rendered, by its own process or by the relay."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.redis.views import ViewsAway
from commands._run import Runner
from commands.books.follow_commits import BOOKS_IN_PROCESS, BookProjector
from commands.books.render_books import BookRenderer
from commands.books.render_unrendered import render_unrendered
from commands.books.report_rendered import RenderedReporter
from commands.regions.update_region import UpdateRegion, update_region
from commands.retailers.update_own_retailer import UpdateOwnRetailer, update_own_retailer
from domain.books import BookSeen, BookVersion, LogSeen, Needed, Seen
from domain.shared.actor import Actor, Power
from tests.builders.books import Market, open_market
from tests.commands.books.conftest import Process, until
from tests.conftest import Database


class Sealed:
    """The seal's place: what was said last, unsealed."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def __call__(self, seen: Seen) -> str:
        self.seen.append(seen)
        return "sealed"


@pytest.fixture
def sealed() -> Sealed:
    return Sealed()


@pytest.fixture
async def runner(engine: AsyncEngine, process: Process, sealed: Sealed) -> AsyncIterator[Runner]:
    projector = BookProjector(engine, process.renderer, RenderedReporter(engine), sealed)

    async def nobody() -> None:
        return

    yield Runner(engine, projector, nobody)
    await projector.close()


def admin(market: Market) -> Actor:
    return Actor(tenant_id=market.tenant_id, user_id=uuid.uuid4(), power=Power.ADMIN)


def sr(market: Market) -> Actor:
    return Actor(tenant_id=market.tenant_id, user_id=market.sr_id, power=Power.SR)


async def unrendered(market: Market) -> int:
    count = await market.owner.fetchval(
        "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND touches IS NOT NULL AND rendered_at IS NULL",
        market.tenant_id,
    )
    return int(count)


async def is_reported(market: Market) -> bool:
    return await unrendered(market) == 0


async def reported(market: Market) -> None:
    await until(lambda: is_reported(market))


async def names(process: Process, market: Market, sr_id: uuid.UUID) -> list[str]:
    """What Redis alone says."""
    book = await process.views.get(market.tenant_id, sr_id)
    return [] if book is None else [one.name for one in book.listed]


async def test_a_few_books_are_rendered_before_the_answer_and_reported(
    runner: Runner, process: Process, market: Market, sealed: Sealed
) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    command = UpdateRegion(region_id=market.region, name="Greater Dhaka")
    await runner(update_region, command, actor=admin(market))
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert b"Greater Dhaka" in book.documents
    assert isinstance(sealed.seen[-1], LogSeen)
    assert sealed.seen[-1].position
    await reported(market)


async def test_more_books_are_left_to_the_relay(runner: Runner, process: Process, market: Market) -> None:
    srs = [await market.add_sr() for _ in range(BOOKS_IN_PROCESS + 1)]
    for sr_id in srs:
        await market.add_retailers(["Shop"], sr_id=sr_id)
    await runner(update_region, UpdateRegion(region_id=market.region, name="New"), actor=admin(market))
    assert await process.views.get(market.tenant_id, srs[0]) is None
    assert await unrendered(market) == 1
    assert await render_unrendered(process.engine, process.renderer, older_than=0) >= 1
    assert await unrendered(market) == 0
    for sr_id in srs:
        book = await process.views.get(market.tenant_id, sr_id)
        assert book is not None
        assert b'"New"' in book.documents


async def test_an_srs_write_answers_with_the_version_its_own_render_left(
    runner: Runner, process: Process, market: Market, sealed: Sealed
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    for points in (1, 2, 2):
        await runner(update_own_retailer, UpdateOwnRetailer(retailer_id=shop, points=points), actor=sr(market))
    versions = [(one.version, one.rendered) for one in sealed.seen if isinstance(one, BookSeen)]
    assert versions == [(1, True), (2, True), (2, True)]
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert book.at.version == 2


async def test_a_failed_render_says_so_and_the_next_read_renders_first(
    runner: Runner, process: Process, market: Market, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])

    async def fail(*_: object, **__: object) -> Any:  # stands for several signatures
        raise ViewsAway

    with monkeypatch.context() as broken:
        broken.setattr(process.renderer, "render", fail)
        await runner(update_own_retailer, UpdateOwnRetailer(retailer_id=shop, points=7), actor=sr(market))
    said = sealed.seen[-1]
    assert isinstance(said, BookSeen)
    assert not said.rendered
    stale = await process.reader.book(market.tenant_id, market.sr_id, Needed())
    assert b'"points":0' in stale.documents
    fresh = await process.reader.book(market.tenant_id, market.sr_id, Needed(render_first=True))
    assert b'"points":7' in fresh.documents
    assert await unrendered(market) == 1


async def test_redis_away_fails_no_write_and_is_made_good_by_the_relay(
    start_process: Callable[..., Process], process: Process, market: Market, engine: AsyncEngine, sealed: Sealed
) -> None:
    alone = start_process(redis_url="unix:///nowhere/redis.sock")
    projector = BookProjector(engine, alone.renderer, RenderedReporter(engine), sealed)

    async def nobody() -> None:
        return

    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    runner = Runner(engine, projector, nobody)
    await runner(update_own_retailer, UpdateOwnRetailer(retailer_id=shop, points=7), actor=sr(market))
    said = sealed.seen[-1]
    assert isinstance(said, BookSeen)
    assert not said.rendered
    await projector.close()
    assert await unrendered(market) == 1
    assert await render_unrendered(engine, process.renderer, older_than=0) >= 1
    assert await names(process, market, market.sr_id) == ["Shop"]
    assert await unrendered(market) == 0


async def test_the_relay_leaves_what_is_young_to_the_process_that_committed_it(
    process: Process, market: Market
) -> None:
    await market.touched(sr_ids=[market.sr_id])
    await render_unrendered(process.engine, process.renderer, older_than=60)
    assert await unrendered(market) == 1


async def test_who_lost_a_retailer_is_rendered_because_the_event_names_them(process: Process, market: Market) -> None:
    other = await market.add_sr()
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id, other])
    await market.assign([shop], other)
    await market.touched(sr_ids=[market.sr_id], retailer_ids=[shop])
    await render_unrendered(process.engine, process.renderer, older_than=0)
    assert await names(process, market, market.sr_id) == []
    assert await names(process, market, other) == ["Shop"]


@pytest.mark.parametrize("kind", ["retailer_ids", "territory_ids", "area_ids", "region_ids", "distributor_ids"])
async def test_holders_are_found_by_whatever_was_touched(process: Process, market: Market, kind: str) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    named = {
        "retailer_ids": shop,
        "territory_ids": market.territories[1],
        "area_ids": market.area,
        "region_ids": market.region,
        "distributor_ids": market.distributor,
    }
    await market.touched(**{kind: [named[kind]]})
    await render_unrendered(process.engine, process.renderer, older_than=0)
    assert await names(process, market, market.sr_id) == ["Shop"]


async def test_an_assignment_and_a_renaming_that_overlap_do_not_miss_each_other(
    process: Process, market: Market
) -> None:
    """The renaming looks for holders after its commit, so it finds the one who was assigned meanwhile."""
    (shop,) = await market.add_retailers(["Old"])
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.touched(retailer_ids=[shop])
    await market.assign([shop], market.sr_id)
    await market.rename(shop, "New")
    await render_unrendered(process.engine, process.renderer, older_than=0)
    assert await names(process, market, market.sr_id) == ["New"]


async def test_several_relays_render_an_organisation_once(process: Process, market: Market) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    for _ in range(5):
        await market.touched(sr_ids=[market.sr_id])
    await asyncio.gather(*(render_unrendered(process.engine, process.renderer, older_than=0) for _ in range(3)))
    # The one that was first may have taken the organisation just before the last event was visible to it.
    await render_unrendered(process.engine, process.renderer, older_than=0)
    assert await unrendered(market) == 0
    assert await names(process, market, market.sr_id) == ["Shop"]


async def test_an_event_that_touches_no_book_leaves_no_work(runner: Runner, market: Market) -> None:
    await runner(update_region, UpdateRegion(region_id=market.region, name="Nobody here"), actor=admin(market))
    await reported(market)


async def test_organisations_that_cannot_be_rendered_keep_no_other_from_its_turn(
    process: Process, market: Market, database: Database
) -> None:
    stuck = [await open_market(database) for _ in range(8)]

    class Stumbles(BookRenderer):
        async def render(self, tenant_id: uuid.UUID, *args: Any, **kwargs: Any) -> dict[uuid.UUID, BookVersion]:
            if tenant_id in {one.tenant_id for one in stuck}:
                message = "an organisation whose books nobody can render"
                raise RuntimeError(message)
            return await super().render(tenant_id, *args, **kwargs)

    renderer = Stumbles(process.engine, process.published)
    for one in (*stuck, market):
        await one.touched(sr_ids=[one.sr_id])

    async def is_fresh() -> bool:
        await render_unrendered(process.engine, renderer, older_than=0)
        return await is_reported(market)

    await until(is_fresh)
    assert all([await unrendered(one) for one in stuck])
    for one in stuck:
        await render_unrendered(process.engine, process.renderer, older_than=0)
        await one.owner.close()


async def test_what_is_rendered_is_marked_even_if_the_claim_is_cut_off(
    process: Process, market: Market, database: Database
) -> None:
    """PostgreSQL ends a claim that idles for a minute while its books are rendered."""
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await market.touched(sr_ids=[market.sr_id])

    class Slow(BookRenderer):
        async def render(self, *args: Any, **kwargs: Any) -> dict[uuid.UUID, BookVersion]:
            versions = await super().render(*args, **kwargs)
            same_login = await asyncpg.connect(database.app_url)
            await same_login.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
            )
            await same_login.close()
            return versions

    with pytest.raises(DBAPIError):
        await render_unrendered(process.engine, Slow(process.engine, process.published), older_than=0)
    assert await unrendered(market) == 0

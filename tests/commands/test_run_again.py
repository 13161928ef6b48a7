"""What the Runner does again by itself: whatever may go right the next time, and nothing else."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.transaction import Tx
from commands._run import Command, Restart, Runner
from domain.shared.actor import Actor, Power
from domain.shared.errors import Unavailable
from tests.builders.books import Market, open_market
from tests.conftest import Database
from workers.books import LeftToRelay


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.app_url, application_name="tests", pool_size=1)
    yield engine
    await engine.dispose()


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database)
    yield market
    await market.owner.close()


class Give(Command, frozen=True, kw_only=True):
    """Give the retailer to the SR, knowing nothing of who has it."""

    retailer_id: uuid.UUID
    sr_id: uuid.UUID
    assignment_id: uuid.UUID


class Giving:
    """A handler; somebody else gives the retailer away just before its first attempt, and takes it back then."""

    def __init__(self, market: Market) -> None:
        self.attempts = 0
        self._market = market

    async def __call__(self, command: Give, tx: Tx) -> None:
        self.attempts += 1
        other = self._market.sr_id if self.attempts == 1 else None
        await self._market.assign([command.retailer_id], other)
        await tx.conn.execute(
            sa.text("INSERT INTO assignments (tenant_id, id, retailer_id, sr_id) VALUES (:tenant, :id, :shop, :sr)"),
            {"tenant": tx.tenant_id, "id": command.assignment_id, "shop": command.retailer_id, "sr": command.sr_id},
        )


async def nobody() -> None:
    return


async def test_a_retailer_that_somebody_else_was_given_first_is_tried_again(
    engine: AsyncEngine, market: Market
) -> None:
    (shop,) = await market.add_retailers(["Shop"])
    sr_id = await market.add_sr()
    giving = Giving(market)
    run = Runner(engine, LeftToRelay(), nobody)
    actor = Actor(tenant_id=market.tenant_id, user_id=None, power=Power.ADMIN)
    await run(giving, Give(retailer_id=shop, sr_id=sr_id, assignment_id=uuid.uuid4()), actor=actor)
    assert giving.attempts == 2
    assert await market.held(sr_id) == {shop: "Shop"}


async def test_any_other_row_that_is_there_already_is_a_mistake(engine: AsyncEngine, market: Market) -> None:
    first, second = await market.add_retailers(["One", "Two"], sr_id=market.sr_id)
    taken = await market.owner.fetchval("SELECT id FROM assignments WHERE retailer_id = $1", first)
    giving = Giving(market)
    giving.attempts = 1
    run = Runner(engine, LeftToRelay(), nobody)
    actor = Actor(tenant_id=market.tenant_id, user_id=None, power=Power.ADMIN)
    with pytest.raises(DBAPIError) as refusal:
        await run(giving, Give(retailer_id=second, sr_id=market.sr_id, assignment_id=taken), actor=actor)
    assert isinstance(refusal.value.__cause__.__cause__, asyncpg.UniqueViolationError)  # type: ignore[union-attr]
    assert giving.attempts == 2


async def test_a_command_that_never_settles_is_given_up(engine: AsyncEngine, market: Market) -> None:
    async def restless(_command: Command, _tx: Tx) -> None:
        raise Restart

    actor = Actor(tenant_id=market.tenant_id, user_id=None, power=Power.ADMIN)
    with pytest.raises(Unavailable):
        await Runner(engine, LeftToRelay(), nobody)(restless, Command(), actor=actor)

"""Whoever writes retailers, by whatever statement: the database keeps when each field that SRs change last changed."""

import random
import uuid
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from domain.pushed_changes import FieldHistory
from domain.retailers import OWN_FIELDS
from tests.builders.books import Market, open_market
from tests.builders.field_histories import Change, as_kept
from tests.conftest import Database

VALUES = {"points": (0, 1, 2), "routes": ([], ["Sat"], ["Sat", "Sun"]), "notes": (None, "a", "b")}


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database)
    yield market
    await market.owner.close()


async def write(owner: asyncpg.Connection, shop: uuid.UUID, by: uuid.UUID | None, fields: dict[str, object]) -> None:
    """As a transaction of that user, or of a job."""
    async with owner.transaction():
        await owner.execute("SELECT set_config('haat.user_id', $1, true)", "" if by is None else str(by))
        sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(fields, start=2))
        await owner.execute(
            f"UPDATE retailers SET name = name, {sets}, version = version + 1 WHERE id = $1", shop, *fields.values()
        )


async def history(owner: asyncpg.Connection, shop: uuid.UUID) -> FieldHistory:
    kept = await owner.fetchval("SELECT field_changes FROM retailers WHERE id = $1", shop)
    return msgspec.json.decode(kept or "{}", type=FieldHistory)


@pytest.mark.parametrize("seed", range(5))
async def test_the_history_is_what_a_record_of_every_change_says(market: Market, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # reproducible, no secret
    people = [uuid.UUID(int=1), uuid.UUID(int=2), None]
    (shop,) = await market.add_retailers(["Shop"])
    now: dict[str, object] = {"points": 0, "notes": None}
    now["routes"] = await market.owner.fetchval("SELECT routes FROM retailers WHERE id = $1", shop)
    changes: dict[str, list[Change]] = {name: [] for name in OWN_FIELDS}
    for version in range(2, 40):
        by = dice.choice(people)
        wanted = {name: dice.choice(VALUES[name]) for name in dice.sample(OWN_FIELDS, dice.randint(1, 3))}
        await write(market.owner, shop, by, wanted)
        for name, value in wanted.items():
            if now[name] != value:
                changes[name].append(Change(version, by))
        now |= wanted
        expected = msgspec.structs.replace(FieldHistory(), **{name: as_kept(of_it) for name, of_it in changes.items()})
        assert await history(market.owner, shop) == expected


async def test_of_an_older_retailer_the_first_change_kept_may_have_followed_others(market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"])
    await market.owner.execute(
        "UPDATE retailers SET version = 7, field_changes = '{\"unknown\": true}' WHERE id = $1", shop
    )
    me = uuid.uuid4()
    for points in (1, 2):
        await write(market.owner, shop, me, {"points": points})
    kept = await history(market.owner, shop)
    assert kept.unknown
    assert kept.points is not None
    assert (kept.points.at, kept.points.by, kept.points.others_at) == (9, me, 7)

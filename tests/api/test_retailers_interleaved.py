"""Writes that meet: a reassignment while an SR changes a shop, or while an admin deletes it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from commands._run import Idempotency, Runner
from commands.retailers.delete_retailer import DeleteRetailer, delete_retailer
from commands.retailers.update_own_retailer import UpdateOwnRetailer, update_own_retailer
from domain.books import OwnRetailer
from domain.shared.actor import Actor, Power
from domain.shared.errors import Invalid, NotFound, PreconditionFailed
from tests.builders.organisations import Founded, add_user
from tests.builders.retailers import assign, retailer
from tests.conftest import Database

Json = dict[str, Any]
DEADLINE_S = 10


class _NoBooks:
    async def after_commit(self, actor: object, announced: object, *, replayed: bool) -> str:
        del actor, announced, replayed
        return ""


async def _nobody() -> None:
    return


@dataclass(frozen=True)
class Field:
    """An SR with a shop, and a second connection to interfere from."""

    run: Runner
    owner: asyncpg.Connection
    tenant_id: uuid.UUID
    sr: Actor
    admin: Actor
    shop: Json

    @property
    def shop_id(self) -> uuid.UUID:
        return uuid.UUID(self.shop["id"])

    async def stored(self) -> tuple[int, int]:
        """Points and version as they are committed."""
        row = await self.owner.fetchrow("SELECT points, version FROM retailers WHERE id = $1", self.shop_id)
        return row["points"], row["version"]

    async def hire(self) -> uuid.UUID:
        login = f"sr-{uuid.uuid4().hex}@field.test"
        return await add_user(self.owner, self.tenant_id, login, "sr", "no password that matters")

    async def reassign(self, to: uuid.UUID) -> None:
        await self.owner.execute("UPDATE assignments SET ended_at = now() WHERE retailer_id = $1", self.shop_id)
        await assign(self.owner, self.tenant_id, self.shop["id"], to)

    async def somebody_waits(self) -> None:
        """Until another transaction waits for a lock in this database."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND application_name = 'field'"
        )
        async with asyncio.timeout(DEADLINE_S):
            while not await self.owner.fetchval(waiting):
                await asyncio.sleep(0.01)
                await self.owner.execute("SELECT pg_stat_clear_snapshot()")


@pytest.fixture(scope="module")
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.app_url, application_name="field")
    yield engine
    await engine.dispose()


@pytest.fixture
async def field(
    engine: AsyncEngine, database: Database, founded: Founded, admin: httpx.AsyncClient
) -> AsyncIterator[Field]:
    owner = await asyncpg.connect(database.owner_url)
    shop = await retailer(admin, points=10, routes=["a"], notes="old")
    await assign(owner, founded.tenant_id, shop["id"], founded.sr_id)
    sr = Actor(tenant_id=founded.tenant_id, user_id=founded.sr_id, power=Power.SR)
    boss = Actor(tenant_id=founded.tenant_id, user_id=founded.admin_id, power=Power.ADMIN)
    yield Field(Runner(engine, _NoBooks(), _nobody), owner, founded.tenant_id, sr, boss, shop)
    await owner.close()


async def test_an_sr_changes_their_own_shop(field: Field) -> None:
    command = UpdateOwnRetailer(retailer_id=field.shop_id, points=11, routes=(" b ", "b"), notes=None)
    changed = await field.run(update_own_retailer, command, actor=field.sr)
    assert (changed.id, changed.points, changed.routes, changed.notes, changed.version) == (
        field.shop_id, 11, ("b",), None, 2,
    )  # fmt: skip
    assert await field.stored() == (11, 2)
    touches = await field.owner.fetchval(
        "SELECT touches ->> 'sr_ids' FROM outbox WHERE payload ->> 'retailer_id' = $1 AND actor_id = $2",
        field.shop["id"],
        field.sr.user,
    )
    assert touches == f'["{field.sr.user}"]'


async def test_changing_nothing_writes_nothing(field: Field) -> None:
    same = UpdateOwnRetailer(retailer_id=field.shop_id, points=10, routes=("a",), notes="old")
    assert (await field.run(update_own_retailer, same, actor=field.sr)).version == 1
    nothing = UpdateOwnRetailer(retailer_id=field.shop_id)
    assert (await field.run(update_own_retailer, nothing, actor=field.sr)).version == 1
    assert await field.stored() == (10, 1)


async def test_an_srs_change_keeps_the_rules(field: Field) -> None:
    with pytest.raises(Invalid):
        await field.run(
            update_own_retailer, UpdateOwnRetailer(retailer_id=field.shop_id, routes=("a|b",)), actor=field.sr
        )
    stale = UpdateOwnRetailer(retailer_id=field.shop_id, expected_version=7, points=1)
    with pytest.raises(PreconditionFailed):
        await field.run(update_own_retailer, stale, actor=field.sr)
    assert await field.stored() == (10, 1)


async def test_a_shop_of_somebody_else_or_of_nobody_is_not_there(field: Field) -> None:
    await field.reassign(await field.hire())
    for retailer_id in (field.shop_id, uuid.uuid4()):
        with pytest.raises(NotFound):
            await field.run(update_own_retailer, UpdateOwnRetailer(retailer_id=retailer_id, points=99), actor=field.sr)
    assert await field.stored() == (10, 1)


async def test_a_shop_that_is_taken_away_while_the_change_waits_is_not_changed(field: Field) -> None:
    other = await field.hire()
    async with field.owner.transaction():
        await field.reassign(other)
        change = asyncio.ensure_future(
            field.run(update_own_retailer, UpdateOwnRetailer(retailer_id=field.shop_id, points=99), actor=field.sr)
        )
        await field.somebody_waits()
    with pytest.raises(NotFound):
        await change
    assert await field.stored() == (10, 1)


async def test_a_reassignment_waits_for_a_change_that_came_first(field: Field, database: Database) -> None:
    other = await field.hire()
    async with field.owner.transaction():
        await field.owner.execute("SELECT FROM retailers WHERE id = $1 FOR UPDATE", field.shop_id)
        change = asyncio.ensure_future(
            field.run(update_own_retailer, UpdateOwnRetailer(retailer_id=field.shop_id, points=12), actor=field.sr)
        )
        await field.somebody_waits()
        second = await asyncpg.connect(database.owner_url)
        try:
            with pytest.raises(asyncpg.LockNotAvailableError):
                await second.execute(
                    "SELECT FROM assignments WHERE retailer_id = $1 FOR NO KEY UPDATE NOWAIT", field.shop_id
                )
        finally:
            await second.close()
    assert (await change).points == 12
    await field.reassign(other)
    assert await field.stored() == (12, 2)


async def test_the_srs_role_can_lock_an_assignment_and_change_none(field: Field, database: Database) -> None:
    app = await asyncpg.connect(database.app_url)
    try:
        async with app.transaction():
            await app.execute(
                "SELECT set_config('role', 'haat_sr', true), set_config('haat.tenant_id', $1, true),"
                " set_config('haat.user_id', $2, true)",
                str(field.tenant_id),
                str(field.sr.user),
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with app.transaction():
                    await app.execute("UPDATE assignments SET ended_at = now()")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with app.transaction():
                    await app.execute("UPDATE retailers SET name = 'mine'")
    finally:
        await app.close()


async def test_a_shop_that_changes_hands_while_it_is_deleted_is_taken_from_the_new_holder(field: Field) -> None:
    other = await field.hire()
    async with field.owner.transaction():
        await field.reassign(other)
        deletion = asyncio.ensure_future(
            field.run(delete_retailer, DeleteRetailer(retailer_id=field.shop_id), actor=field.admin)
        )
        await field.somebody_waits()
    await deletion
    rows = await field.owner.fetch(
        "SELECT sr_id FROM assignments WHERE retailer_id = $1 AND ended_at IS NULL", field.shop_id
    )
    assert rows == []
    touched = await field.owner.fetchval(
        "SELECT touches ->> 'sr_ids' FROM outbox WHERE payload ->> 'retailer_id' = $1"
        " AND type = 'retailers.retailer_deleted.v1'",
        field.shop["id"],
    )
    assert touched == f'["{other}"]'


async def test_a_repeated_change_of_an_sr_is_made_once(field: Field) -> None:
    key = Idempotency(method="PATCH", path="/x", key=uuid.uuid4().hex, digests=(b"1",))
    command = UpdateOwnRetailer(retailer_id=field.shop_id, points=13)
    for replayed in (False, True):
        done = await field.run.run(
            update_own_retailer, command, actor=field.sr, idempotency=key, result_type=OwnRetailer
        )
        assert done.replayed is replayed
        assert isinstance(done.result, OwnRetailer)
        assert (done.result.points, done.result.version) == (13, 2)
    assert await field.stored() == (13, 2)


async def test_of_two_creators_of_one_uid_the_second_is_told(field: Field, admin: httpx.AsyncClient) -> None:
    body = {"uid": uuid.uuid4().hex, "name": "x", "phone": "01712345678", "territory_id": field.shop["territory"]["id"]}
    answers = await asyncio.gather(*(admin.post("/api/v1/retailers", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]

"""Joins of a job's rows do not depend on what the planner has not heard yet."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.statistics import avoid_nested_loops, mind_statistics, refresh_statistics
from adapters.postgres.transaction import transaction
from domain.shared.actor import worker_actor
from tests.builders.organisations import found
from tests.conftest import Database


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(database.app_url, application_name="haat-tests")
    yield opened
    await opened.dispose()


async def organisation(database: Database, regions: int) -> uuid.UUID:
    made = await found(database, password="secret")
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(
        "INSERT INTO regions (tenant_id, id, code, name)"
        " SELECT $1, uuidv7(), 'R' || n, 'Region' FROM generate_series(1, $2) n",
        made.tenant_id,
        regions,
    )
    await connection.close()
    return made.tenant_id


async def nested_loops(engine: AsyncEngine, tenant_id: uuid.UUID) -> str:
    async with transaction(engine, worker_actor(tenant_id)) as tx:
        await mind_statistics(tx.conn, tenant_id, ["regions"])
        return str((await tx.conn.execute(text("SHOW enable_nestloop"))).scalar_one())


async def test_an_organisation_that_the_planner_has_not_seen_is_read_once(
    database: Database, engine: AsyncEngine
) -> None:
    known = await organisation(database, 3_000)
    await refresh_statistics(engine, worker_actor(known), ["regions"])
    unknown = await organisation(database, 3_000)
    assert await nested_loops(engine, known) == "on"
    assert await nested_loops(engine, unknown) == "off"
    await refresh_statistics(engine, worker_actor(unknown), ["regions"])
    assert await nested_loops(engine, unknown) == "on"


async def test_what_was_avoided_is_possible_again_when_told_so_and_in_the_next_transaction(
    database: Database, engine: AsyncEngine
) -> None:
    tenant_id = await organisation(database, 1)
    async with transaction(engine, worker_actor(tenant_id)) as tx:
        await avoid_nested_loops(tx.conn)
        await avoid_nested_loops(tx.conn, avoid=False)
        assert (await tx.conn.execute(text("SHOW enable_nestloop"))).scalar_one() == "on"
        await avoid_nested_loops(tx.conn)
    async with transaction(engine, worker_actor(tenant_id)) as tx:
        assert (await tx.conn.execute(text("SHOW enable_nestloop"))).scalar_one() == "on"

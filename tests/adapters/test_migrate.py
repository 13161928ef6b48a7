"""Migrations: the schema equals the tables in the code, and several starters wait for one another."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import asyncpg
from alembic import command
from alembic.config import Config

from adapters.embedded import EmbeddedServers
from adapters.postgres.migrate import CHECKOUT, migrate
from tests.conftest import Database, in_database


def test_migrations_are_in_step_with_the_tables(database: Database) -> None:
    config = Config(str(CHECKOUT / "alembic.ini"))
    config.attributes["database_url"] = database.owner_url
    command.check(config)


def test_starters_at_once_migrate_once(servers: EmbeddedServers) -> None:
    asyncio.run(fetch(servers.database_url, "CREATE DATABASE several_starters"))
    url = in_database(servers.database_url, "several_starters")
    # Processes, as in life: Alembic keeps its state in the module.
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(migrate, [url] * 3))
    assert asyncio.run(fetch(url, "SELECT count(*) FROM alembic_version")) == 1
    asyncio.run(fetch(servers.database_url, "DROP DATABASE several_starters WITH (FORCE)"))


def test_the_application_gets_the_password_of_its_address(database: Database) -> None:
    superuser = database.owner_url.replace("haat_owner@", "postgres@")
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'haat_app'"
    before = asyncio.run(fetch(superuser, stored))
    migrate(database.owner_url, app_url="postgresql://haat_app:p%27%40ss@host/haat")
    after = asyncio.run(fetch(superuser, stored))
    assert str(after).startswith("SCRAM-SHA-256$")
    assert after != before


async def fetch(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()

"""Servers and databases of the test session: its own, never those of `make run`."""

import asyncio
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest

from adapters.embedded import EmbeddedServers, remove_embedded, start_embedded
from adapters.postgres.migrate import migrate

HOMES = "haat-tests-"
TEMPLATE = "haat_template"


@dataclass(frozen=True, kw_only=True)
class Database:
    """One migrated, empty database of a test module."""

    name: str
    owner_url: str
    app_url: str


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def test_home() -> Iterator[Path]:
    """A HAAT_HOME for this session; those of sessions that were killed are cleared away."""
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{HOMES}*"):
        found = re.fullmatch(rf"{HOMES}(\d+)-\w+", left.name)
        if found and not psutil.pid_exists(int(found[1])):
            _remove(left)
    home = Path(tempfile.mkdtemp(prefix=f"{HOMES}{os.getpid()}-", dir=base))
    yield home
    _remove(home)


@pytest.fixture(scope="session")
def servers(test_home: Path) -> EmbeddedServers:
    """PostgreSQL and Redis for the whole session; not durable, so faster than a real start."""
    return start_embedded(test_home, fast=True)


@pytest.fixture(scope="session")
def migrated_template(servers: EmbeddedServers) -> str:
    """A migrated database that others are copied from; nobody may stay connected to it."""
    asyncio.run(_execute(servers.database_url, f"CREATE DATABASE {TEMPLATE}"))
    migrate(in_database(servers.database_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, servers: EmbeddedServers, migrated_template: str) -> Iterator[Database]:
    """A copy of the migrated database for one test module, dropped afterwards."""
    module = re.sub(r"\W+", "_", request.node.nodeid.removesuffix(".py"))[-50:].lower()
    name = f"t_{module}"
    asyncio.run(_execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE {migrated_template}'))
    yield Database(
        name=name,
        owner_url=in_database(servers.database_url, name),
        app_url=in_database(servers.database_app_url, name),
    )
    asyncio.run(_drop(servers.database_url, name))


@pytest.fixture(scope="session")
def redis_url(servers: EmbeddedServers) -> str:
    """One Redis for the session: a test that flushes it says so and expects others' keys to be gone too."""
    return servers.redis_url


def in_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _drop(url: str, name: str) -> None:
    """Waits for autovacuum to leave it, which the owner of a database may not end."""
    async with asyncio.timeout(60):
        while True:
            try:
                await _execute(url, f'DROP DATABASE "{name}" WITH (FORCE)')
            except asyncpg.InsufficientPrivilegeError:
                await asyncio.sleep(0.2)
            else:
                return


def _remove(home: Path) -> None:
    remove_embedded(home)
    shutil.rmtree(home, ignore_errors=True)

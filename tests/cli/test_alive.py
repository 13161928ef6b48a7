"""A container's health check tells whether its worker or relay is at work."""

import asyncio
import socket
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.api.conftest import environment
from tests.conftest import Database

RUNNER = CliRunner()


@pytest.fixture
def told(database: Database, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """What a worker's container is told: not the owner's address."""
    return {**environment(database, redis_url, tmp_path), "DATABASE_URL": ""}


def heard_of(database: Database, kind: str, *, host: str, seconds_ago: int) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database.owner_url)
        try:
            await connection.execute("DELETE FROM workers")
            await connection.execute(
                "INSERT INTO workers (id, kind, host, pid, seen_at)"
                " VALUES (uuidv7(), $1, $2, 1, now() - make_interval(secs => $3))",
                kind,
                host,
                float(seconds_ago),
            )
        finally:
            await connection.close()

    asyncio.run(run())


def test_one_that_was_heard_of_just_now_is_alive(told: dict[str, str], database: Database) -> None:
    heard_of(database, "worker", host=socket.gethostname(), seconds_ago=2)
    assert RUNNER.invoke(app, ["alive", "worker"], env=told).exit_code == 0
    assert RUNNER.invoke(app, ["alive", "relay"], env=told).exit_code == 1


@pytest.mark.parametrize(("host", "seconds_ago"), [(socket.gethostname(), 60), ("another-host", 1)])
def test_a_silent_one_and_another_hosts_are_not(
    host: str, seconds_ago: int, told: dict[str, str], database: Database
) -> None:
    heard_of(database, "worker", host=host, seconds_ago=seconds_ago)
    result = RUNNER.invoke(app, ["alive", "worker"], env=told)
    assert result.exit_code == 1
    assert "No worker of" in result.output

"""The `haat` command against a database of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.conftest import Database

R = TypeVar("R")
Haat = Callable[..., Result]


@pytest.fixture(name="told")
def _told(database: Database, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """What an operator of the installation has in the environment."""
    return {
        "HAAT_HOME": str(tmp_path),
        "DATABASE_URL": database.owner_url,
        "DATABASE_APP_URL": database.app_url,
        "REDIS_URL": redis_url,
        "REDIS_READ_URL": redis_url,
        "HAAT_LOGIN": "",
        "HAAT_PASSWORD": "",
        "HAAT_URL": "",
        "COLUMNS": "200",
    }


@pytest.fixture(name="haat")
def _haat(told: dict[str, str]) -> Haat:
    """`haat("jobs", "list")`; what goes to standard input is `typed`."""

    def run(*words: str, typed: str = "", env: Mapping[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=typed, env={**told, **(env or {})})

    return run


def sql(database: Database, ask: Callable[[asyncpg.Connection], Awaitable[R]]) -> R:
    """Asks as the owner of the database."""

    async def run() -> R:
        connection = await asyncpg.connect(database.owner_url)
        try:
            return await ask(connection)
        finally:
            await connection.close()

    return asyncio.run(run())

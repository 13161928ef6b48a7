"""The demo organisation and the first admin: made once, on an empty database, and taken up where they stopped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from argon2 import PasswordHasher

from adapters.settings import Settings, load_settings
from cli.demo.founding import PASSWORD, found_demo
from cli.first_admin import found_first_admin
from cli.http_client import HaatError
from cli.installation import open_installation
from domain.shared.errors import Invalid
from tests.builders.organisations import found
from tests.conftest import Database

R = TypeVar("R")
FIRST = {
    "HAAT_ORGANISATION": "acme",
    "HAAT_ADMIN_LOGIN": "boss@acme.test",
    "HAAT_ADMIN_PASSWORD": "a password of acme",
}


@pytest.fixture(name="settings")
def _settings(database: Database, redis_url: str, tmp_path: Path) -> Iterator[Settings]:
    yield _told(database, redis_url, tmp_path)
    _sql(database, lambda connection: connection.execute("TRUNCATE organisations, users CASCADE"))


def _told(database: Database, redis_url: str, home: Path, **more: str) -> Settings:
    addresses = {"DATABASE_URL": database.owner_url, "DATABASE_APP_URL": database.app_url, "REDIS_URL": redis_url}
    return load_settings({"HAAT_HOME": str(home), **addresses, **more})


def _sql(database: Database, ask: Callable[[asyncpg.Connection], Awaitable[R]]) -> R:
    async def run() -> R:
        connection = await asyncpg.connect(database.owner_url)
        try:
            return await ask(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def _demo(settings: Settings, *, srs: int = 1_500) -> bool:
    async def run() -> bool:
        async with open_installation(settings) as installation:
            return await found_demo(installation, srs=srs, beside=settings.organisation)

    return asyncio.run(run())


def _logins(database: Database, role: str) -> list[str]:
    rows = _sql(database, lambda c: c.fetch("SELECT login FROM users WHERE role = $1 ORDER BY login", role))
    return [row["login"] for row in rows]


def test_the_demo_has_an_admin_and_all_its_srs_with_one_hash_of_the_known_password(
    settings: Settings, database: Database
) -> None:
    assert _demo(settings)
    srs = _logins(database, "sr")
    assert (len(srs), srs[0], srs[-1]) == (1_500, "sr-00001@demo.haat", "sr-01500@demo.haat")
    assert _logins(database, "admin") == ["admin@demo.haat"]
    hashes = _sql(database, lambda c: c.fetch("SELECT DISTINCT password_hash FROM users WHERE role = 'sr'"))
    assert len(hashes) == 1
    assert PasswordHasher().verify(hashes[0]["password_hash"], PASSWORD)


def test_founding_the_demo_again_doubles_nothing_and_brings_nobody_back(settings: Settings, database: Database) -> None:
    assert _demo(settings, srs=5)
    _sql(database, lambda c: c.execute("UPDATE users SET deleted_at = now() WHERE login = 'sr-00002@demo.haat'"))
    assert _demo(settings, srs=5)
    assert len(_logins(database, "sr")) == 5
    assert _sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations")) == 1


def test_an_interrupted_founding_is_taken_up_where_it_stopped(settings: Settings, database: Database) -> None:
    assert _demo(settings, srs=5)
    _sql(database, lambda c: c.execute("DELETE FROM users WHERE role = 'admin' OR login > 'sr-00003'"))
    assert _demo(settings, srs=5)
    assert len(_logins(database, "sr")) == 5
    assert _logins(database, "admin") == ["admin@demo.haat"]


def test_a_database_with_an_organisation_of_somebodys_gets_no_demo(settings: Settings, database: Database) -> None:
    asyncio.run(found(database, password="x"))
    assert not _demo(settings)
    assert _sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations")) == 1


def test_the_first_organisation_and_the_demo_live_side_by_side(
    settings: Settings, database: Database, redis_url: str
) -> None:
    told = _told(database, redis_url, settings.home, **FIRST)
    assert found_first_admin(told)
    assert not found_first_admin(told)
    assert _demo(told, srs=1)
    assert _logins(database, "admin") == ["admin@demo.haat", "boss@acme.test"]


def test_no_first_admin_without_being_asked_for_one(settings: Settings, database: Database) -> None:
    assert not found_first_admin(settings)
    assert _logins(database, "admin") == []


def test_a_first_organisation_with_an_impossible_code_is_refused_and_leaves_nothing(
    settings: Settings, database: Database, redis_url: str
) -> None:
    with pytest.raises(Invalid, match="no code"):
        found_first_admin(_told(database, redis_url, settings.home, **FIRST | {"HAAT_ORGANISATION": "Ac me"}))
    assert _sql(database, lambda c: c.fetchval("SELECT count(*) FROM organisations")) == 0


def test_a_database_that_is_away_is_told_in_plain_words(database: Database, redis_url: str, tmp_path: Path) -> None:
    away = _told(database, redis_url, tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", **FIRST)
    with pytest.raises(HaatError, match="PostgreSQL cannot be reached"):
        found_first_admin(away)

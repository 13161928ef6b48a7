"""`haat doctor` says in plain words what is wrong with a set-up, and what to do."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner, Result

from cli.doctor import _heard_of
from cli.main import app
from tests.api.conftest import environment
from tests.conftest import Database
from tests.stack import free_port

RUNNER = CliRunner()


@pytest.fixture
def told(database: Database, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """A set-up in which nothing runs but the servers."""
    return environment(database, redis_url, tmp_path)


def examine(told: dict[str, str]) -> Result:
    return RUNNER.invoke(app, ["doctor"], env={**told, "COLUMNS": "300"})


def execute(database: Database, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database.owner_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.fixture
def processes(database: Database) -> None:
    """A worker and a relay that were heard of just now."""
    execute(
        database,
        "DELETE FROM workers",
        "INSERT INTO workers (id, kind, host, pid) VALUES (uuidv7(), 'worker', 'h', 1), (uuidv7(), 'relay', 'h', 2)",
    )


@pytest.mark.usefixtures("processes")
def test_a_healthy_set_up_is_well(told: dict[str, str]) -> None:
    result = examine(told)
    assert result.exit_code == 0, result.output
    assert "1 worker alive" in result.output
    assert "bound by row-level security" in result.output
    assert "GB free" in result.output


def test_no_worker_and_no_relay_are_named_with_what_waits_for_them(told: dict[str, str], database: Database) -> None:
    execute(database, "DELETE FROM workers")
    result = examine(told)
    assert result.exit_code == 1
    assert "No worker is alive: imports and assignments wait" in result.output
    assert "No relay is alive" in result.output
    assert "haat up" in result.output


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize(
    ("count", "silent", "told_of", "state"),
    [
        (2, 3.0, "2 workers alive.", "ok"),
        (1, 12.4, "1 worker, last seen 12 s ago: it may have been killed.", "warning"),
        (3, 9.6, "3 workers, one of them last seen 10 s ago: it may have been killed.", "warning"),
    ],
)
def test_a_process_that_has_not_told_of_itself_lately_is_not_called_alive(
    count: int, silent: float, told_of: str, state: str
) -> None:
    finding = _heard_of("worker", count, silent)
    assert (finding.what, finding.state) == (told_of, state)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(told: dict[str, str]) -> None:
    port = free_port()
    result = examine({**told, "DATABASE_URL": f"postgresql://owner:s3cret@127.0.0.1:{port}/haat"})
    assert result.exit_code == 1
    assert f"PostgreSQL cannot be reached at postgresql://owner:…@127.0.0.1:{port}/haat" in result.output
    assert "s3cret" not in result.output
    assert "DATABASE_URL" in result.output


@pytest.mark.usefixtures("processes")
def test_migrations_behind_are_told(told: dict[str, str], database: Database) -> None:
    execute(database, "CREATE TABLE kept AS TABLE alembic_version", "UPDATE alembic_version SET version_num = 'older'")
    try:
        result = examine(told)
    finally:
        execute(database, "UPDATE alembic_version SET version_num = kept.version_num FROM kept", "DROP TABLE kept")
    assert result.exit_code == 1
    assert "The schema is at older" in result.output
    assert "haat migrate" in result.output


@pytest.mark.usefixtures("processes")
def test_a_redis_that_cannot_be_reached_is_told(told: dict[str, str]) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    result = examine({**told, "REDIS_URL": nowhere, "REDIS_READ_URL": nowhere})
    assert result.exit_code == 1
    assert f"Redis cannot be reached at {nowhere}" in result.output


@pytest.mark.usefixtures("processes")
def test_a_flushed_redis_is_told_as_no_loss(told: dict[str, str], redis_url: str) -> None:
    async def flush() -> None:
        client = Redis.from_url(redis_url)
        await client.flushall()
        await client.aclose()

    asyncio.run(flush())
    result = examine(told)
    assert result.exit_code == 0, result.output
    assert "is empty: it is new, or was flushed" in result.output
    assert "Nothing is lost" in result.output


@pytest.mark.usefixtures("processes")
def test_an_application_that_owns_the_tables_is_told(told: dict[str, str], database: Database) -> None:
    result = examine({**told, "DATABASE_APP_URL": database.owner_url})
    assert result.exit_code == 1
    assert "whom row-level security does not bind" in result.output


@pytest.mark.usefixtures("processes")
def test_events_that_wait_are_told(told: dict[str, str], database: Database) -> None:
    execute(
        database,
        "INSERT INTO outbox (tenant_id, id, type, payload, created_at)"
        " VALUES (uuidv7(), uuidv7(), 'x', '{}', now() - interval '1 minute')",
    )
    try:
        result = examine(told)
    finally:
        execute(database, "DELETE FROM outbox")
    assert "1 event has waited" in result.output


def test_bad_settings_are_all_named_and_nothing_else_is_tried(told: dict[str, str]) -> None:
    result = examine({**told, "HAAT_PORT": "many", "HAAT_MAX_UPLOAD_BYTES": "some"})
    assert result.exit_code == 1
    assert "HAAT_PORT" in result.output
    assert "HAAT_MAX_UPLOAD_BYTES" in result.output
    assert "PostgreSQL" not in result.output


@pytest.mark.parametrize(("clock", "words"), [(10.0, "10.0 s ahead of"), (-10.0, "10.0 s behind")])
@pytest.mark.usefixtures("processes")
def test_a_clock_that_is_off_is_told(
    clock: float, words: str, told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_time = time.time
    monkeypatch.setattr("cli.doctor.time.time", lambda: true_time() + clock)
    result = examine(told)
    assert result.exit_code == 1
    assert words in result.output


@pytest.mark.usefixtures("processes")
def test_a_full_disk_is_told(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    full = SimpleNamespace(total=10**9, used=10**9, free=0)
    monkeypatch.setattr("cli.doctor.shutil.disk_usage", lambda _: full)
    result = examine(told)
    assert result.exit_code == 1
    assert "nearly full" in result.output

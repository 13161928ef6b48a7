"""The embedded servers start, stop, and come back after any kind of end."""

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import redis

from adapters.embedded import (
    EmbeddedError,
    EmbeddedServers,
    kill_postgres,
    kill_redis,
    remove_embedded,
    running_embedded,
    start_embedded,
    start_postgres,
    stop_embedded,
)
from adapters.embedded.home import known_places
from adapters.embedded.processes import is_alive, serving, wait_until

# A Bangla name with spaces, so deep that no socket could lie in it: their paths have about 100 bytes.
AWKWARD = Path("খাতা ও কলম") / ("deep " * 20).strip() / ("নিচে" * 15)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / AWKWARD / ".haat"
    yield home
    remove_embedded(home)


def value(servers: EmbeddedServers, statement: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(servers.database_url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def in_redis(servers: EmbeddedServers, *command: str) -> object:
    with redis.Redis.from_url(servers.redis_url, decode_responses=True) as client:
        return client.execute_command(*command)


def write_both(servers: EmbeddedServers) -> None:
    value(servers, "CREATE TABLE kept AS SELECT 'হাট' AS word")
    in_redis(servers, "SET", "kept", "হাট")


def assert_both_kept(servers: EmbeddedServers) -> None:
    assert value(servers, "SELECT word FROM kept") == "হাট"
    assert in_redis(servers, "GET", "kept") == "হাট"


def data_directory(home: Path) -> Path:
    places = known_places(home)
    assert places is not None
    return places.postgres_data


def test_they_start_stop_and_keep_their_data_wherever_the_home_lies(home: Path) -> None:
    servers = start_embedded(home, fast=True)
    write_both(servers)
    stop_embedded(home)
    assert running_embedded(home) is None
    again = start_embedded(home, fast=True)
    assert (again.database_url, again.redis_url) == (servers.database_url, servers.redis_url)
    assert_both_kept(again)


def test_bangla_is_indexable_even_under_the_c_locale(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LANG", "C")
    servers = start_postgres(home, fast=True)
    value(servers, "CREATE EXTENSION pg_trgm")
    assert value(servers, "SELECT cardinality(show_trgm('মিরপুর'))") == 7
    assert value(servers, "SHOW server_encoding") == "UTF8"
    assert value(servers, "SELECT lower('ÀÉ')") == "àé"


def test_the_owner_is_no_superuser_and_sees_statistics(home: Path) -> None:
    servers = start_postgres(home, fast=True)
    rights = value(
        servers,
        "SELECT (rolsuper, rolbypassrls, rolcreaterole, rolcreatedb)::text FROM pg_roles WHERE rolname = 'haat_owner'",
    )
    assert rights == "(f,f,t,t)"
    assert value(servers, "SELECT count(*) > 0 FROM pg_stat_statements") is True
    assert value(servers, "SHOW listen_addresses") == ""


def test_only_their_user_reaches_the_sockets(home: Path) -> None:
    servers = start_embedded(home, fast=True)
    runtime = Path(parse_qs(urlsplit(servers.database_url).query)["host"][0])
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert in_redis(servers, "CONFIG", "GET", "port") == ["port", "0"]
    assert in_redis(servers, "CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "noeviction"]


def test_servers_that_matter_are_durable_and_tests_are_not(home: Path) -> None:
    servers = start_embedded(home, fast=True)
    assert value(servers, "SHOW fsync") == "off"
    durable = start_embedded(home)
    assert durable.postgres_pid != servers.postgres_pid
    assert (value(durable, "SHOW fsync"), value(durable, "SHOW synchronous_commit")) == ("on", "on")
    assert in_redis(durable, "CONFIG", "GET", "appendonly") == ["appendonly", "yes"]


def test_a_second_start_takes_over_what_runs(home: Path) -> None:
    assert start_embedded(home, fast=True) == start_embedded(home, fast=True) == running_embedded(home)


def test_starters_at_once_end_up_with_one_server(home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: start_embedded(home, fast=True), range(4)))
    assert len({servers.postgres_pid for servers in found}) == 1
    assert len({servers.redis_pid for servers in found}) == 1


def test_killed_servers_come_back_at_the_same_address_with_their_data(home: Path) -> None:
    servers = start_embedded(home)
    write_both(servers)
    kill_postgres(home)
    kill_redis(home)
    assert running_embedded(home) is None
    again = start_embedded(home)
    assert (again.database_url, again.redis_url) == (servers.database_url, servers.redis_url)
    assert_both_kept(again)


def test_children_of_a_killed_postmaster_do_not_keep_it_from_coming_back(home: Path) -> None:
    servers = start_postgres(home, fast=True)
    assert servers.postgres_pid is not None
    data = data_directory(home)
    stopped = [pid for pid in serving("postgres", data) if pid != servers.postgres_pid]
    # Stopped, they cannot notice that their parent is gone, as a busy one does not for a long time.
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    os.kill(servers.postgres_pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(servers.postgres_pid or 0), 10)
    assert any(is_alive(pid) for pid in stopped)
    assert value(start_postgres(home, fast=True), "SELECT 1") == 1
    assert not any(is_alive(pid) for pid in stopped)


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(home: Path) -> None:
    servers = start_embedded(home, fast=True)
    data, redis_pid_file = data_directory(home), home / "redis" / "redis.pid"
    remains = (data / "postmaster.pid").read_text().replace(str(servers.postgres_pid), str(os.getppid()), 1)
    stop_embedded(home)
    (data / "postmaster.pid").write_text(remains)
    redis_pid_file.write_text(str(os.getppid()))
    again = start_embedded(home, fast=True)
    assert is_alive(os.getppid())
    assert (value(again, "SELECT 1"), in_redis(again, "PING")) == (1, True)


def test_an_interrupted_first_start_is_begun_again(home: Path) -> None:
    start_postgres(home, fast=True)
    data = data_directory(home)
    stop_embedded(home)
    data.rename(data.with_name("postgres.partial"))
    (data.with_name("postgres.partial") / "PG_VERSION").unlink()
    assert value(start_postgres(home, fast=True), "SELECT 1") == 1


def test_data_of_another_major_version_is_named_and_left_alone(home: Path) -> None:
    start_postgres(home, fast=True)
    stop_embedded(home)
    version = data_directory(home) / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 16.*PostgreSQL 18.*(?s:.)*DATABASE_URL"):
        start_postgres(home, fast=True)
    assert version.read_text() == "16\n"


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    start_postgres(home, fast=True)
    stop_embedded(home)
    with (data_directory(home) / "postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        start_postgres(home, fast=True)


def test_a_home_that_was_moved_takes_its_data_along(home: Path, tmp_path: Path) -> None:
    write_both(start_embedded(home, fast=True))
    stop_embedded(home)
    moved = home.rename(tmp_path / "moved")
    assert_both_kept(start_embedded(moved, fast=True))
    remove_embedded(moved)


def test_a_home_deleted_while_it_served_is_begun_anew(home: Path) -> None:
    forgotten = start_embedded(home, fast=True)
    place = data_directory(home).parent
    value(forgotten, "CREATE TABLE forgotten ()")
    shutil.rmtree(home)
    fresh = start_embedded(home, fast=True)
    assert value(fresh, "SELECT to_regclass('forgotten')::text") is None
    assert not is_alive(forgotten.postgres_pid or 0)
    assert not is_alive(forgotten.redis_pid or 0)
    shutil.rmtree(place, ignore_errors=True)


def test_a_removed_home_leaves_nothing(home: Path) -> None:
    servers = start_embedded(home, fast=True)
    places = known_places(home)
    assert places is not None
    remove_embedded(home)
    assert not places.place.exists()
    assert not places.runtime.exists()
    assert not is_alive(servers.postgres_pid or 0)
    assert not is_alive(servers.redis_pid or 0)

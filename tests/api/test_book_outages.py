"""Reads of books while Redis is away, or another one; while nobody knows of sessions; after a promotion."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from adapters.embedded import remove_embedded, start_embedded, start_postgres, start_redis, stop_postgres
from adapters.embedded.home import find_places
from adapters.postgres.migrate import migrate
from adapters.settings import Settings, load_settings
from tests.api.conftest import PASSWORD, Login, environment, serving
from tests.builders.books import Market, open_market, rendering
from tests.builders.organisations import add_user
from tests.builders.relay import redis_relay_to
from tests.builders.users import PASSWORD as NEW_PASSWORD
from tests.builders.users import create_user
from tests.conftest import Database

URL = "/api/v1/sr/retailers"
SYNC = "/api/v1/sr/sync"
ME = "/api/v1/me"
DEADLINE_S = 30
FALLBACK_READS = 3
Http = httpx.AsyncClient


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)  # neither server sets an event of ours


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database, password=PASSWORD)
    yield market
    await market.owner.close()


@dataclass(frozen=True)
class Reader:
    """An SR's token, sent to whichever process."""

    headers: dict[str, str]

    async def points(self, process: Http, **headers: str) -> int:
        answer = await process.get(URL, headers={**self.headers, **headers})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["items"][0]["points"])

    async def written(self, process: Http, points: int) -> str:
        first = (await process.get(URL, headers=self.headers)).json()["items"][0]["id"]
        answer = await process.patch(f"{URL}/{first}", json={"points": points}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return str(answer.headers["haat-version"])


async def reader_of(process: Http, login: str) -> Reader:
    answer = await process.post("/api/v1/auth/login", json={"login": login, "password": PASSWORD})
    return Reader({"Authorization": f"Bearer {answer.json()['access_token']}"})


async def test_without_redis_a_bounded_number_of_reads_is_at_the_primary(
    settings: Settings, market: Market, login: Login, tmp_path: Path
) -> None:
    """The others are sent away at once, and everything goes on by itself when Redis is back."""
    readers = []
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        for number in range(3 * FALLBACK_READS):
            name = f"{number}-{market.sr_login}"
            sr_id = await add_user(market.owner, market.tenant_id, name, "sr", PASSWORD)
            await renderer.render(market.tenant_id, [sr_id])
            readers.append({"Authorization": (await login(name)).headers["Authorization"]})
    alone = msgspec.structs.replace(settings, fallback_reads=FALLBACK_READS, response_cache_bytes=0)
    async with (
        redis_relay_to(settings.redis_read_url, tmp_path) as relay,
        serving(msgspec.structs.replace(alone, redis_read_url=relay.url)) as client,
    ):

        async def statuses() -> list[int]:
            answers = await asyncio.gather(*(client.get(URL, headers=one) for one in readers))
            assert all("retry-after" in one.headers for one in answers if one.status_code == 503)
            return sorted(one.status_code for one in answers)

        assert await statuses() == [200] * len(readers)
        await relay.cut()
        async with gate_before_books(market.owner) as gate:
            asked = [asyncio.create_task(client.get(URL, headers=one)) for one in readers]
            sent_away = len(readers) - FALLBACK_READS
            await until(lambda: are_done(asked, sent_away))
            answers = [one.result() for one in asked if one.done()]
            assert {(one.status_code, "retry-after" in one.headers) for one in answers} == {(503, True)}
            # Who asks at the same moment shares a statement.
            assert 1 <= await at_the_gate(market) <= FALLBACK_READS
            await gate()
            assert sorted([(await one).status_code for one in asked]) == [200] * FALLBACK_READS + [503] * sent_away
        await relay.connect()
        await until(lambda: all_served(statuses))


@asynccontextmanager
async def gate_before_books(owner: asyncpg.Connection) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """Whoever reads a book waits, without waiting for a lock, until the gate is opened by calling what this gives."""
    await owner.execute(
        """
        CREATE TABLE gate (); GRANT SELECT ON gate TO haat_worker;
        CREATE FUNCTION gate_is_open() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP;
            RETURN true;
        END $$;
        CREATE POLICY gate ON books AS RESTRICTIVE FOR SELECT TO haat_worker USING (gate_is_open());
        """
    )
    try:
        yield lambda: owner.execute("INSERT INTO gate DEFAULT VALUES")
    finally:
        await owner.execute("DROP POLICY gate ON books; DROP FUNCTION gate_is_open; DROP TABLE gate")


async def at_the_gate(market: Market) -> int:
    """How many reads of the API are at the primary."""
    count = await market.owner.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        " AND application_name = 'haat-api' AND query LIKE '%FROM books%'"
    )
    return int(count)


async def are_done(tasks: Sequence[asyncio.Task[httpx.Response]], number: int) -> bool:
    return sum(one.done() for one in tasks) >= number


async def all_served(statuses: Callable[[], Awaitable[list[int]]]) -> bool:
    return set(await statuses()) == {200}


async def test_a_redis_replaced_by_an_older_copy_of_itself_shows_nothing_old(
    settings: Settings, market: Market, tmp_path: Path
) -> None:
    here, there, sockets = tmp_path / "here", tmp_path / "there", tmp_path / "sockets"
    for folder in (here, there, sockets):
        folder.mkdir()
    now = start_redis(here, fast=True)
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    try:
        async with redis_relay_to(now.redis_read_url, sockets) as relay:
            through = msgspec.structs.replace(settings, redis_read_url=relay.url)
            async with serving(through) as one, serving(through) as another:
                reader = await reader_of(one, market.sr_login)
                await reader.written(one, 1)
                assert [await reader.points(process) for process in (one, another)] == [1, 1]
                # What a copy has that was made now, and is put in place after more has been written:
                shutil.copytree(here / "redis", there / "redis", ignore=shutil.ignore_patterns("*.pid", "*.sock"))
                seen = await reader.written(one, 2)
                await reader.points(another, **{"Haat-Version": seen})
                await relay.cut()
                copy = start_redis(there, fast=True)
                relay.switch(copy.redis_read_url)
                await relay.connect()
                # First without the token: nothing but the server's name says that what it holds is old.
                assert await reader.points(one) == 2
                for process in (one, another):
                    assert await reader.points(process, **{"Haat-Version": seen}) == 2
                    assert await reader.points(process) == 2
                seen = await reader.written(another, 3)
                assert await reader.points(one, **{"Haat-Version": seen}) == 3
    finally:
        remove_embedded(here)
        remove_embedded(there)


async def test_an_ended_session_is_refused_although_redis_is_away(
    settings: Settings, admin: Http, login: Login
) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=NEW_PASSWORD)
    headers = {"Authorization": one.headers["Authorization"]}
    nowhere = "unix:///nowhere/redis.sock"
    async with serving(msgspec.structs.replace(settings, redis_url=nowhere, redis_read_url=nowhere)) as process:
        assert (await process.get(ME, headers=headers)).status_code == 200
        await admin.patch(f"/api/v1/users/{user['id']}", json={"active": False})
        ended_at = time.monotonic()
        while (await process.get(ME, headers=headers)).status_code != 401:
            assert time.monotonic() < ended_at + 1.0
            await asyncio.sleep(0.02)


@pytest.fixture
def promotable(tmp_path: Path) -> Iterator[Path]:
    """The home of servers that may be promoted: another timeline is for ever."""
    home = tmp_path / "home"
    home.mkdir()
    yield home
    remove_embedded(home)


async def test_a_promotion_makes_every_phone_start_over_and_shows_nobody_an_empty_book(
    promotable: Path, tmp_path: Path
) -> None:
    servers = start_embedded(promotable, fast=True)
    await asyncio.to_thread(migrate, servers.database_url)
    database = Database(name="haat", owner_url=servers.database_url, app_url=servers.database_app_url)
    market = await open_market(database, password=PASSWORD)
    await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    async with serving(load_settings(environment(database, servers.redis_url, tmp_path))) as client:
        reader = await reader_of(client, market.sr_login)
        seen = await reader.written(client, 1)
        before = (await client.get(SYNC, headers=reader.headers)).json()
        await market.owner.close()
        await asyncio.to_thread(promote, promotable)

        async def is_written() -> bool:
            first = f"{URL}/{before['changed'][0]['id']}"
            return (await client.patch(first, headers=reader.headers, json={"points": 2})).status_code == 200

        # Whoever reads or writes at the new primary learns of it.
        await until(is_written)
        assert len((await client.get(URL, headers={**reader.headers, "Haat-Version": seen})).json()["items"]) == 2
        after = (await client.get(SYNC, headers=reader.headers, params={"cursor": before["cursor"]})).json()
        assert (after["full"], after["start"], len(after["changed"])) == (True, True, 2)
        # From then on it is one pass.
        assert not (await client.get(SYNC, headers=reader.headers, params={"cursor": after["cursor"]})).json()["full"]


def promote(home: Path) -> None:
    """Have the server recover from its own log to the end, as a replica whose primary is gone: on a new timeline."""
    stop_postgres(home)
    places = find_places(home)
    signal = places.postgres_data / "recovery.signal"
    signal.touch()
    os.chown(signal, places.uid, places.gid)
    with (places.postgres_data / "postgresql.auto.conf").open("a") as settings:
        settings.write("restore_command = 'false'\n")
    start_postgres(home, fast=True)

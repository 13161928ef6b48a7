"""A session that has ended is refused within a second everywhere, whatever else is away."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from redis.asyncio import Redis

from adapters.postgres.engine import open_engine
from adapters.redis.session_marks import SessionMarks
from adapters.settings import Settings
from adapters.tokens import Tokens
from api.session_verdicts import SessionVerdicts
from domain.sessions import SessionEnded
from tests.api.conftest import Login, serving
from tests.builders.organisations import Founded
from tests.builders.relay import Relay, relay_to
from tests.builders.users import PASSWORD, create_user
from tests.conftest import Database

ME = "/api/v1/me"
End = Callable[[httpx.AsyncClient, str, httpx.AsyncClient], Awaitable[httpx.Response]]


@pytest.fixture(scope="module")
async def relay(database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Relay]:
    async with relay_to(database.app_url, tmp_path_factory.mktemp("pg")) as relay:
        yield relay


@pytest.fixture(scope="module")
async def elsewhere(settings: Settings, relay: Relay) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process, which reaches PostgreSQL through the relay."""
    async with serving(msgspec.structs.replace(settings, database_app_url=relay.url)) as client:
        yield client


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture(autouse=True)
async def _all_connected(relay: Relay) -> AsyncIterator[None]:
    yield
    await relay.connect()


def _as(one: httpx.AsyncClient) -> dict[str, str]:
    return {"Authorization": one.headers["Authorization"]}


async def _until(status: int, ask: Callable[[], Awaitable[httpx.Response]], *, within: float) -> httpx.Response:
    """Ask again and again; a request is never idle, so the verdict is always the freshest of those that are trusted."""
    deadline = time.monotonic() + within
    while True:
        asked = time.monotonic()
        answer = await ask()
        if answer.status_code == status:
            return answer
        assert asked < deadline, f"{answer.status_code} {answer.text} still after {within} s"
        await asyncio.sleep(0.02)


async def _let_in(process: httpx.AsyncClient, one: httpx.AsyncClient) -> None:
    """The process, which may just have found PostgreSQL again, has let this session in."""
    await _until(200, lambda: process.get(ME, headers=_as(one)), within=5.0)


def _change(**members: Any) -> End:
    async def end(admin: httpx.AsyncClient, user_id: str, _one: httpx.AsyncClient) -> httpx.Response:
        return await admin.patch(f"/api/v1/users/{user_id}", json=members)

    return end


async def _delete(admin: httpx.AsyncClient, user_id: str, _one: httpx.AsyncClient) -> httpx.Response:
    return await admin.delete(f"/api/v1/users/{user_id}")


async def _log_out(_admin: httpx.AsyncClient, _user_id: str, one: httpx.AsyncClient) -> httpx.Response:
    return await one.post("/api/v1/auth/logout")


@pytest.mark.parametrize(
    "end", [_change(active=False), _change(role="admin"), _change(password="another password"), _delete, _log_out]
)
async def test_whatever_ends_a_session_is_known_in_another_process_within_a_second(
    admin: httpx.AsyncClient, login: Login, elsewhere: httpx.AsyncClient, end: End
) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=PASSWORD)
    await _let_in(elsewhere, one)
    assert (await end(admin, user["id"], one)).is_success
    here = await one.get(ME)
    assert (here.status_code, here.json()["code"]) == (401, "session_ended")
    there = await _until(401, lambda: elsewhere.get(ME, headers=_as(one)), within=1.0)
    assert there.json()["code"] == "session_ended"


async def test_no_verdict_is_trusted_for_a_second_even_when_none_is_asked_for_meanwhile(
    login: Login, founded: Founded, database: Database, settings: Settings, redis: Redis
) -> None:
    one = await login(founded.sr_login)
    access = Tokens(settings.jwt_keys).verify_access(one.headers["Authorization"].removeprefix("Bearer "))
    engine = open_engine(database.app_url, application_name="tests")
    verdicts = SessionVerdicts(engine, SessionMarks(redis))
    await verdicts.check(access.tenant_id, access.session_id)
    await one.post("/api/v1/auth/logout")
    ended_at = time.monotonic()

    async def lets_in() -> bool:
        try:
            await verdicts.check(access.tenant_id, access.session_id)
        except SessionEnded:
            return False
        return True

    while await lets_in():
        assert time.monotonic() < ended_at + 1.0
        await asyncio.sleep(0.02)
    await engine.dispose()


async def test_a_new_name_ends_no_session(admin: httpx.AsyncClient, login: Login) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=PASSWORD)
    await admin.patch(f"/api/v1/users/{user['id']}", json={"name": "Another"})
    assert (await one.get(ME)).json()["name"] == "Another"


async def test_a_user_who_is_enabled_again_has_to_log_in_again(admin: httpx.AsyncClient, login: Login) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=PASSWORD)
    for active in (False, True):
        await admin.patch(f"/api/v1/users/{user['id']}", json={"active": active})
    assert (await one.get(ME)).status_code == 401
    assert (await (await login(user["login"], password=PASSWORD)).get(ME)).status_code == 200


async def test_without_postgresql_only_sessions_known_to_be_good_are_let_in(
    admin: httpx.AsyncClient, login: Login, elsewhere: httpx.AsyncClient, relay: Relay, redis: Redis
) -> None:
    users = [await create_user(admin) for _ in range(3)]
    known, ended, unknown = [await login(user["login"], password=PASSWORD) for user in users]
    for one in (known, ended):
        await _let_in(elsewhere, one)
        await _kept(redis, one)
    await relay.cut()
    await ended.post("/api/v1/auth/logout")

    def asks(one: httpx.AsyncClient) -> Callable[[], Awaitable[httpx.Response]]:
        # Needs no database beyond the session: SRs may not list regions.
        return lambda: elsewhere.get("/api/v1/regions", headers=_as(one))

    assert (await _until(401, asks(ended), within=1.0)).json()["code"] == "session_ended"
    assert (await asks(known)()).status_code == 403
    # Over a connection that has just broken, and over one that cannot be made.
    assert [(await elsewhere.get(ME, headers=_as(known))).status_code for _ in range(3)] == [503] * 3
    refused = await asks(unknown)()
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    await relay.connect()
    await _until(403, asks(unknown), within=5.0)


async def test_a_postgresql_that_hangs_holds_up_nobody_for_long(
    admin: httpx.AsyncClient, login: Login, elsewhere: httpx.AsyncClient, relay: Relay, redis: Redis
) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=PASSWORD)
    await _let_in(elsewhere, one)
    await _kept(redis, one)
    relay.hold_up()
    held_up_at = time.monotonic()
    while time.monotonic() < held_up_at + 2.5:
        started = time.monotonic()
        assert (await elsewhere.get("/api/v1/regions", headers=_as(one))).status_code == 403
        assert time.monotonic() - started < 2.0
        await asyncio.sleep(0.02)
    await admin.patch(f"/api/v1/users/{user['id']}", json={"active": False})
    await _until(401, lambda: elsewhere.get("/api/v1/regions", headers=_as(one)), within=1.0)


async def test_a_flushed_redis_brings_no_ended_session_back(
    admin: httpx.AsyncClient, login: Login, elsewhere: httpx.AsyncClient, redis: Redis
) -> None:
    users = [await create_user(admin) for _ in range(2)]
    good, ended = [await login(user["login"], password=PASSWORD) for user in users]
    await ended.post("/api/v1/auth/logout")
    await redis.flushall()
    await _let_in(elsewhere, good)
    assert (await elsewhere.get(ME, headers=_as(ended))).status_code == 401


async def test_a_late_good_verdict_never_overwrites_an_end(redis: Redis) -> None:
    marks = SessionMarks(redis)
    session = uuid.uuid4()
    await marks.put_good([session])
    assert await marks.read([session]) == {session: True}
    await marks.put_ended([session])
    await marks.put_good([session])
    assert await marks.read([session]) == {session: False}


async def _kept(redis: Redis, one: httpx.AsyncClient) -> None:
    """Wait until Redis knows that the session is good."""
    claims = jwt.decode(one.headers["Authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    deadline = time.monotonic() + 5
    while await redis.get(f"sessions:{claims['sid']}") != b"good":
        assert time.monotonic() < deadline, "no good verdict reached Redis"
        await asyncio.sleep(0.02)

"""The documentation where it is not open: for whoever can log in, and nobody else."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator

import asyncpg
import httpx
import msgspec
import pytest

from adapters.environment import Limit
from adapters.settings import Settings
from tests.api.conftest import PASSWORD, serving
from tests.builders.organisations import Founded, found
from tests.conftest import Database

PLACES = ("/docs", "/openapi.json")


@pytest.fixture(scope="module")
async def closed(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(msgspec.structs.replace(settings, docs="login")) as client:
        yield client


def _basic(login: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


@pytest.mark.parametrize("place", PLACES)
async def test_open_documentation_asks_nobody(client: httpx.AsyncClient, place: str) -> None:
    assert (await client.get(place)).status_code == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic"}, {"Authorization": "Basic %%"}, _basic("x", "y")])
async def test_closed_documentation_asks_for_a_login(
    closed: httpx.AsyncClient, place: str, headers: dict[str, str]
) -> None:
    answer = await closed.get(place, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "documentation_login_required")
    assert answer.headers["www-authenticate"] == 'Basic realm="Haat documentation", charset="UTF-8"'


@pytest.mark.parametrize("place", PLACES)
async def test_any_user_opens_it(closed: httpx.AsyncClient, founded: Founded, place: str) -> None:
    for login in (founded.admin_login, founded.sr_login):
        for _ in range(2):
            assert (await closed.get(place, headers=_basic(login))).status_code == 200
        assert (await closed.get(place, headers=_basic(login, "wrong"))).status_code == 401


async def test_tokens_open_it_for_admins(closed: httpx.AsyncClient, founded: Founded) -> None:
    statuses = []
    for login in (founded.admin_login, founded.sr_login):
        answer = await closed.post("/api/v1/auth/login", json={"login": login, "password": PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        statuses.append((await closed.get("/openapi.json", headers=headers)).status_code)
    assert statuses == [200, 403]


async def test_guessing_is_slowed_down_here_too(settings: Settings) -> None:
    changed = msgspec.structs.replace(settings, docs="login", limits={"login": Limit(3, 3600)})
    async with serving(changed) as client:
        answers = await asyncio.gather(*(client.get("/docs", headers=_basic("guessed", "no")) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [401, 401, 401, 429, 429]


async def test_an_ambiguous_login_names_its_organisation(closed: httpx.AsyncClient, database: Database) -> None:
    one, other = await found(database, password=PASSWORD), await found(database, password=PASSWORD)
    await _rename(database, other.tenant_id, other.admin_login, one.admin_login)
    assert (await closed.get("/docs", headers=_basic(f"{other.code}/{one.admin_login}"))).status_code == 200
    answer = await closed.get("/openapi.json", headers=_basic(one.admin_login.upper()))
    assert (answer.status_code, "organisation/login" in answer.json()["detail"]) == (401, True)


async def test_reading_begins_no_session(closed: httpx.AsyncClient, database: Database) -> None:
    other = await found(database, password=PASSWORD)
    assert (await closed.get("/docs", headers=_basic(other.admin_login))).status_code == 200
    connection = await asyncpg.connect(database.owner_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM sessions WHERE tenant_id = $1", other.tenant_id) == 0
    finally:
        await connection.close()


async def _rename(database: Database, tenant_id: uuid.UUID, old: str, new: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute("UPDATE users SET login = $3 WHERE tenant_id = $1 AND login = $2", tenant_id, old, new)
    finally:
        await connection.close()

"""So many requests per user and kind, held by all API processes together."""

import asyncio
import re

import asyncpg
import httpx
import msgspec
import pytest

from adapters.environment import Limit
from adapters.settings import Settings
from tests.api.conftest import PASSWORD, serving
from tests.builders.organisations import Founded, add_user
from tests.conftest import Database
from tests.stack import free_port

LOGIN = "/api/v1/auth/login"
REGIONS = "/api/v1/regions"


def _limited(settings: Settings, **limits: Limit) -> Settings:
    return msgspec.structs.replace(settings, limits=limits)


async def _token(client: httpx.AsyncClient, login: str) -> dict[str, str]:
    answer = await client.post(LOGIN, json={"login": login, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def _until(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    while True:
        if (await client.post(REGIONS, json={}, headers=headers)).status_code == status:
            return
        await asyncio.sleep(0.05)


async def test_over_the_limit_is_told_when_to_come_back_and_may(settings: Settings, founded: Founded) -> None:
    async with serving(_limited(settings, write=Limit(3, 3))) as client:
        headers = await _token(client, founded.admin_login)
        answers = [await client.post(REGIONS, json={}, headers=headers) for _ in range(4)]
        refused = answers[-1]
        assert [one.status_code for one in answers] == [422, 422, 422, 429]
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert refused.json()["code"] == "too_many_requests"
        assert refused.headers["ratelimit-policy"] == '"write";q=3;w=3'
        assert re.fullmatch(r'"write";r=0;t=[1-3]', refused.headers["ratelimit"])
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        assert (await client.get(REGIONS, headers=headers)).status_code == 200
        async with asyncio.timeout(10):
            await _until(client, headers, 422)


async def test_users_do_not_share_and_health_is_not_counted(settings: Settings, founded: Founded) -> None:
    async with serving(_limited(settings, read=Limit(2, 3600))) as client:
        admin, sr = await _token(client, founded.admin_login), await _token(client, founded.sr_login)
        statuses = [(await client.get("/api/v1/me", headers=admin)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (await client.get("/api/v1/me", headers=sr)).status_code == 200
        assert {(await client.get("/health/live")).status_code for _ in range(30)} == {200}


async def test_who_has_no_token_is_counted_by_address(settings: Settings) -> None:
    async with serving(_limited(settings, refresh=Limit(1, 3600))) as client:
        body = {"refresh_token": "nonsense"}
        statuses = [(await client.post("/api/v1/auth/refresh", json=body)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


async def test_processes_share_one_limit(settings: Settings, founded: Founded) -> None:
    changed = _limited(settings, upload=Limit(10, 3600))
    url = "/api/v1/imports"
    async with serving(changed) as one, serving(changed) as other:
        headers = await _token(one, founded.admin_login)
        first = [(await one.post(url, headers=headers)).status_code for _ in range(11)]
        assert first[-1] == 429
        assert 429 not in first[:10]
        passed = 0
        async with asyncio.timeout(10):
            while (await other.post(url, headers=headers)).status_code != 429:
                passed += 1
                await asyncio.sleep(0.1)
    # What the other process lets through before it has heard of the first: a few, and not another ten.
    assert passed < 8


async def test_the_admins_of_an_organisation_share_ten_times_the_uploads_of_one(
    settings: Settings, founded: Founded, database: Database
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        logins = [f"uploader-{number}@limits.test" for number in range(11)]
        for login in logins:
            await add_user(connection, founded.tenant_id, login, "admin", PASSWORD)
    finally:
        await connection.close()
    async with serving(_limited(settings, upload=Limit(1, 7200))) as client:
        statuses = [
            (await client.post("/api/v1/imports", headers=await _token(client, login))).status_code for login in logins
        ]
    assert statuses[-1] == 429
    assert 429 not in statuses[:10]


@pytest.mark.parametrize("allowed", [3])
async def test_without_redis_each_process_counts_alone(settings: Settings, founded: Founded, allowed: int) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    changed = msgspec.structs.replace(
        _limited(settings, read=Limit(allowed, 3600)), redis_url=nowhere, redis_read_url=nowhere
    )
    async with serving(changed) as client:
        headers = await _token(client, founded.sr_login)
        statuses = [(await client.get("/api/v1/me", headers=headers)).status_code for _ in range(allowed + 1)]
    assert statuses == [200] * allowed + [429]

"""A repeated request with the same Idempotency-Key changes nothing and gets the first answer again."""

import asyncio
import hashlib
import uuid

import asyncpg
import httpx
import msgspec
import pytest

from adapters.settings import Settings
from tests.api.conftest import Login, serving
from tests.builders.organisations import Founded
from tests.conftest import Database


def fresh() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def test_the_same_key_and_body_get_the_first_answer_again(admin: httpx.AsyncClient) -> None:
    key, body = fresh(), {"code": "I-1", "name": "Once"}
    first = await admin.post("/api/v1/regions", json=body, headers=key)
    second = await admin.post("/api/v1/regions", json=body, headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]


async def test_the_same_key_with_another_body_is_refused(admin: httpx.AsyncClient) -> None:
    key = fresh()
    await admin.post("/api/v1/regions", json={"code": "I-2", "name": "Once"}, headers=key)
    other = await admin.post("/api/v1/regions", json={"code": "I-3", "name": "Other"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_many_at_once_with_one_key_create_one(admin: httpx.AsyncClient) -> None:
    key, body = fresh(), {"code": "I-4", "name": "Once"}
    answers = await asyncio.gather(*(admin.post("/api/v1/regions", json=body, headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_refusal_is_not_stored(admin: httpx.AsyncClient) -> None:
    key = fresh()
    region = (await admin.post("/api/v1/regions", json={"code": "I-5", "name": "There"})).json()
    refused = await admin.post("/api/v1/regions", json={"code": "I-5", "name": "Again"}, headers=key)
    assert refused.status_code == 409
    assert (await admin.delete(f"/api/v1/regions/{region['id']}")).status_code == 204
    accepted = await admin.post("/api/v1/regions", json={"code": "I-5", "name": "Again"}, headers=key)
    assert accepted.status_code == 201


async def test_keys_of_two_users_do_not_meet(admin: httpx.AsyncClient, login: Login, founded: Founded) -> None:
    key = fresh()
    first = await admin.post("/api/v1/regions", json={"code": "I-6", "name": "Mine"}, headers=key)
    name = f"second@{founded.code}.test"
    made = await admin.post(
        "/api/v1/users", json={"login": name, "name": "Second", "role": "admin", "password": "correct horse battery"}
    )
    assert made.status_code == 201, made.text
    second_admin = await login(name)
    second = await second_admin.post("/api/v1/regions", json={"code": "I-7", "name": "Theirs"}, headers=key)
    assert (first.json()["code"], second.json()["code"]) == ("I-6", "I-7")


async def test_a_key_holds_across_processes(admin: httpx.AsyncClient, settings: Settings) -> None:
    key, body = fresh(), {"code": "I-8", "name": "Once"}
    first = await admin.post("/api/v1/regions", json=body, headers=key)
    async with serving(settings) as other_process:
        headers = {**key, "Authorization": admin.headers["Authorization"]}
        second = await other_process.post("/api/v1/regions", json=body, headers=headers)
    assert second.json() == first.json()


async def test_a_deletion_can_be_repeated(admin: httpx.AsyncClient) -> None:
    region = (await admin.post("/api/v1/regions", json={"code": "I-9", "name": "Gone"})).json()
    key = fresh()
    answers = [await admin.delete(f"/api/v1/regions/{region['id']}", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]


@pytest.mark.parametrize("key", ["", "x" * 256, "with\ttab"])
async def test_a_senseless_key_is_refused(admin: httpx.AsyncClient, key: str) -> None:
    answer = await admin.post("/api/v1/regions", json={"code": "I-10", "name": "x"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_a_stored_digest_gives_no_body_away(
    admin: httpx.AsyncClient, database: Database, settings: Settings
) -> None:
    key, body = fresh(), b'{"code": "I-11", "name": "Secret"}'
    headers = {**key, "content-type": "application/json"}
    assert (await admin.post("/api/v1/regions", content=body, headers=headers)).status_code == 201
    connection = await asyncpg.connect(database.owner_url)
    try:
        query = "SELECT digest FROM idempotency_keys WHERE key = $1"
        stored = await connection.fetchval(query, key["Idempotency-Key"])
    finally:
        await connection.close()
    assert stored != hashlib.sha256(body).digest()
    # A new signing key in front of the set: what was stored under the older one is still known.
    newer = msgspec.structs.replace(settings.jwt_keys[0], kid="newer", secret=b"n" * 32)
    rotated = msgspec.structs.replace(settings, jwt_keys=(newer, *settings.jwt_keys))
    async with serving(rotated) as other_process:
        headers["Authorization"] = admin.headers["Authorization"]
        again = await other_process.post("/api/v1/regions", content=body, headers=headers)
    assert again.status_code == 201

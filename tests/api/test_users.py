"""Users over HTTP: who may log in, as what, and what taking rights away means."""

import asyncio
import uuid

import asyncpg
import httpx
import pytest

from tests.api.conftest import Login
from tests.builders.organisations import Founded
from tests.builders.users import PASSWORD as NEW_PASSWORD
from tests.builders.users import create_user
from tests.conftest import Database

USERS = "/api/v1/users"


async def test_a_created_user_can_log_in(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    answer = await admin.post(
        USERS, json={"login": "  Rahima@Acme.TEST ", "name": "রহিমা খাতুন", "role": "sr", "password": NEW_PASSWORD}
    )
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made == {
        "id": made["id"], "login": "rahima@acme.test", "name": "রহিমা খাতুন", "role": "sr", "active": True, "version": 1,
    }  # fmt: skip
    assert answer.headers["location"] == f"{USERS}/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    logged_in = await client.post("/api/v1/auth/login", json={"login": "RAHIMA@acme.test", "password": NEW_PASSWORD})
    assert logged_in.json()["user"]["id"] == made["id"]


async def test_a_login_is_unique_whatever_its_case(admin: httpx.AsyncClient) -> None:
    one = await create_user(admin)
    body = {"login": one["login"].upper(), "name": "Another", "role": "sr", "password": NEW_PASSWORD}
    answer = await admin.post(USERS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "code_taken")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"login": "two words"}, "/login"),
        ({"login": "   "}, "/login"),
        ({"name": "  "}, "/name"),
        ({"role": "owner"}, "/role"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 201}, "/password"),
        ({"password_hash": "x"}, "/password_hash"),
        ({"active": "yes"}, "/active"),
    ],
)
async def test_a_bad_member_is_named(admin: httpx.AsyncClient, members: dict[str, str], pointer: str) -> None:
    body = {"login": "fine@users.test", "name": "Fine", "role": "sr", "password": NEW_PASSWORD}
    answer = await admin.post(USERS, json=body | members)
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_no_answer_shows_a_password(admin: httpx.AsyncClient) -> None:
    one = await create_user(admin)
    answers = [
        await admin.get(USERS, params={"limit": 100}),
        await admin.get(f"{USERS}/{one['id']}"),
        await admin.patch(f"{USERS}/{one['id']}", json={"password": "another good password"}),
        await admin.get("/api/v1/me"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any("argon2" in answer.text or "password" in answer.text for answer in answers)


async def test_the_list_is_filtered_and_paged_by_name(admin: httpx.AsyncClient) -> None:
    names = [f"Zeta {letter}" for letter in "CABED"]
    made = [await create_user(admin, name=name, login=f"{name[-1]}_%@zeta.test") for name in names]
    await admin.patch(f"{USERS}/{made[0]['id']}", json={"active": False})
    found: list[str] = []
    cursor = None
    while cursor is not None or not found:
        params = {"q": "zETA", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get(USERS, params=params)).json()
        found += [user["name"] for user in page["items"]]
        cursor = page["next_cursor"]
    assert found == sorted(names)

    async def names_of(**params: str) -> list[str]:
        return [user["name"] for user in (await admin.get(USERS, params=params)).json()["items"]]

    assert await names_of(q="a_%@zeta") == ["Zeta A"]
    assert await names_of(q="zeta", active="false") == ["Zeta C"]
    assert await names_of(q="zeta", active="true") == ["Zeta A", "Zeta B", "Zeta D", "Zeta E"]
    assert await names_of(q="zeta", role="admin") == []
    assert (await admin.get(USERS, params={"role": "owner"})).status_code == 400


async def test_if_match_guards_changes(admin: httpx.AsyncClient) -> None:
    url = f"{USERS}/{(await create_user(admin))['id']}"
    changed = await admin.patch(url, json={"name": "New"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await admin.patch(url, json={"name": "Newer"}, headers={"If-Match": '"1"'})).status_code == 412
    assert (await admin.delete(url, headers={"If-Match": '"1"'})).status_code == 412
    unchanged = await admin.patch(url, json={"name": "New"})
    assert unchanged.headers["etag"] == '"2"'


async def test_a_deleted_login_is_free_again(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    one = await create_user(admin)
    assert (await admin.delete(f"{USERS}/{one['id']}")).status_code == 204
    assert (await admin.get(f"{USERS}/{one['id']}")).status_code == 404
    assert (await admin.delete(f"{USERS}/{one['id']}")).status_code == 404
    refused = await client.post("/api/v1/auth/login", json={"login": one["login"], "password": NEW_PASSWORD})
    assert refused.status_code == 401
    again = await create_user(admin, login=one["login"])
    assert again["id"] != one["id"]


async def test_an_sr_with_retailers_is_neither_deleted_nor_made_an_admin(
    admin: httpx.AsyncClient, database: Database, founded: Founded
) -> None:
    holder = await create_user(admin)
    await _hold(database, founded.tenant_id, uuid.UUID(holder["id"]))
    url = f"{USERS}/{holder['id']}"
    for refused in (await admin.delete(url), await admin.patch(url, json={"role": "admin"})):
        assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
        assert refused.json()["details"]["count"] == 1
    disabled = await admin.patch(url, json={"active": False})
    assert (disabled.status_code, disabled.json()["active"]) == (200, False)


async def test_admins_keep_their_own_rights(admin: httpx.AsyncClient, founded: Founded) -> None:
    url = f"{USERS}/{founded.admin_id}"
    for refused in (
        await admin.delete(url),
        await admin.patch(url, json={"active": False}),
        await admin.patch(url, json={"role": "sr"}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "own_account")
    assert (await admin.patch(url, json={"active": True, "role": "admin", "name": "Chief"})).status_code == 200


async def test_of_two_admins_who_delete_each_other_one_stays(admin: httpx.AsyncClient, login: Login) -> None:
    for _ in range(3):
        pair = [await create_user(admin, role="admin") for _ in range(2)]
        clients = [await login(user["login"], password=NEW_PASSWORD) for user in pair]
        answers = await asyncio.gather(
            clients[0].delete(f"{USERS}/{pair[1]['id']}"), clients[1].delete(f"{USERS}/{pair[0]['id']}")
        )
        assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 403])


async def test_users_of_others_are_not_there(admin: httpx.AsyncClient, sr: httpx.AsyncClient) -> None:
    url = f"{USERS}/{uuid.uuid4()}"
    assert (await admin.get(url)).status_code == 404
    assert (await admin.patch(url, json={"name": "X"})).status_code == 404
    assert (await sr.get(USERS)).status_code == 403


async def _hold(database: Database, tenant_id: uuid.UUID, sr_id: uuid.UUID) -> None:
    """A retailer in the hands of the SR."""
    region, area, territory, retailer = (uuid.uuid4() for _ in range(4))
    connection = await asyncpg.connect(database.owner_url)
    try:
        for sql, *values in (
            ("INSERT INTO regions (tenant_id, id, code, name) VALUES ($1, $2, $3, 'R')", region, f"R{region}"),
            ("INSERT INTO areas (tenant_id, id, code, name, region_id) VALUES ($1, $2, 'A', 'A', $3)", area, region),
            ("INSERT INTO territories (tenant_id, id, code, name, area_id) VALUES ($1, $2, 'T', 'T', $3)",
             territory, area),
            ("INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id) VALUES ($1, $2, 'U', 'N', '', $3)",
             retailer, territory),
            ("INSERT INTO assignments (tenant_id, id, retailer_id, sr_id) VALUES ($1, $2, $2, $3)", retailer, sr_id),
        ):  # fmt: skip
            await connection.execute(sql, tenant_id, *values)
    finally:
        await connection.close()


async def test_whoever_came_from_a_file_logs_in_once_an_admin_has_set_a_password(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, founded: Founded, database: Database
) -> None:
    login = f"{uuid.uuid4()}@file.test"
    owner = await asyncpg.connect(database.owner_url)
    try:
        user_id = await owner.fetchval(
            "INSERT INTO users (tenant_id, id, login, name, role)"
            " VALUES ($1, gen_random_uuid(), $2, 'From a file', 'sr') RETURNING id",
            founded.tenant_id,
            login,
        )
    finally:
        await owner.close()
    for password in ("", "null", NEW_PASSWORD):
        answer = await client.post("/api/v1/auth/login", json={"login": login, "password": password})
        assert answer.status_code in {401, 422}, answer.text
    waiting = (await admin.get(USERS, params={"has_password": "false"})).json()["items"]
    assert [one["id"] for one in waiting] == [str(user_id)]
    assert (await admin.patch(f"{USERS}/{user_id}", json={"password": NEW_PASSWORD})).status_code == 200
    assert (await admin.get(USERS, params={"has_password": "false"})).json()["items"] == []
    named = (await admin.get(USERS, params={"has_password": "true", "q": login})).json()["items"]
    assert [one["login"] for one in named] == [login]
    answer = await client.post("/api/v1/auth/login", json={"login": login, "password": NEW_PASSWORD})
    assert answer.status_code == 200, answer.text

"""The user who is logged in, and their password."""

import httpx

from tests.api.conftest import Login
from tests.builders.organisations import Founded
from tests.builders.users import PASSWORD, create_user

MY_PASSWORD = "/api/v1/me/password"
NEW_PASSWORD = "quite another password"


async def test_everybody_sees_themselves_and_their_organisation(
    admin: httpx.AsyncClient, sr: httpx.AsyncClient, founded: Founded
) -> None:
    for one, user_id, login, role in (
        (admin, founded.admin_id, founded.admin_login, "admin"),
        (sr, founded.sr_id, founded.sr_login, "sr"),
    ):
        assert (await one.get("/api/v1/me")).json() == {
            "id": str(user_id),
            "login": login,
            "name": login,
            "role": role,
            "tenant_id": str(founded.tenant_id),
            "organisation": {
                "code": founded.code,
                "name": founded.code,
                "country": "BD",
                "time_zone": "Asia/Dhaka",
                "currency": "BDT",
            },
        }


async def test_a_new_password_replaces_the_old_and_ends_every_session(admin: httpx.AsyncClient, login: Login) -> None:
    for role in ("sr", "admin"):
        user = await create_user(admin, role=role)
        here, elsewhere = [await login(user["login"], password=PASSWORD) for _ in range(2)]
        changed = await here.post(MY_PASSWORD, json={"current": PASSWORD, "new": NEW_PASSWORD})
        assert changed.status_code == 204, changed.text
        for session in (here, elsewhere):
            refused = await session.get("/api/v1/me")
            assert (refused.status_code, refused.json()["code"]) == (401, "session_ended")
        old = await here.post("/api/v1/auth/login", json={"login": user["login"], "password": PASSWORD})
        assert old.status_code == 401
        assert (await (await login(user["login"], password=NEW_PASSWORD)).get("/api/v1/me")).status_code == 200


async def test_changing_a_password_takes_the_current_one(admin: httpx.AsyncClient, login: Login) -> None:
    user = await create_user(admin)
    one = await login(user["login"], password=PASSWORD)
    refused = await one.post(MY_PASSWORD, json={"current": "not my password", "new": NEW_PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_current_password")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/current"]
    assert (await one.get("/api/v1/me")).status_code == 200


async def test_a_new_password_has_8_to_200_characters(sr: httpx.AsyncClient) -> None:
    for new in ("x" * 7, "x" * 201):
        refused = await sr.post(MY_PASSWORD, json={"current": PASSWORD, "new": new})
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/new"]


async def test_the_password_is_the_same_from_a_keyboard_that_composes_differently(
    admin: httpx.AsyncClient, login: Login
) -> None:
    user = await create_user(admin, password="caf\u00e9 au lait")
    assert (await (await login(user["login"], password="cafe\u0301 au lait")).get("/api/v1/me")).status_code == 200

"""Logging in, staying logged in, logging out, and what happens to whoever is not."""

import asyncio
import uuid
from typing import Any

import asyncpg
import httpx
import jwt
import msgspec
import pytest
from litestar import Litestar, get

from adapters.environment import Limit
from adapters.postgres.engine import open_engine
from adapters.postgres.transaction import transaction
from adapters.settings import Settings
from adapters.tokens import Tokens
from api.auth import check_roles
from api.errors import Problem
from commands.sessions.start_session import StartSession, start_session
from domain.shared.actor import Actor, Role, user_actor
from queries.users.login_candidates import login_candidates
from tests.api.conftest import PASSWORD, Login, serving
from tests.builders.organisations import Founded, add_user, found
from tests.builders.users import PASSWORD as NEW_PASSWORD
from tests.builders.users import create_user
from tests.conftest import Database

LOGIN = "/api/v1/auth/login"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/me"


def _told(answer: httpx.Response) -> dict[str, Any]:
    """All that an answer tells but the number of the request."""
    return {"status": answer.status_code, **answer.json(), "request_id": None}


async def test_a_right_password_gives_tokens(client: httpx.AsyncClient, founded: Founded) -> None:
    answer = await client.post(LOGIN, json={"login": f"  {founded.sr_login.upper()} ", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert 0 < body["expires_in"] <= 900
    assert body["user"] == {
        "id": str(founded.sr_id),
        "name": founded.sr_login,
        "role": "sr",
        "tenant_id": str(founded.tenant_id),
    }
    me = await client.get(ME, headers={"Authorization": f"bearer {body['access_token']}"})
    assert me.json()["id"] == str(founded.sr_id)


async def test_an_unknown_login_and_a_wrong_password_look_the_same(
    client: httpx.AsyncClient, founded: Founded, admin: httpx.AsyncClient
) -> None:
    disabled = await create_user(admin)
    await admin.patch(f"/api/v1/users/{disabled['id']}", json={"active": False})
    answers = [
        await client.post(LOGIN, json=body)
        for body in (
            {"login": founded.sr_login, "password": "not the password"},
            {"login": "nobody@nowhere.test", "password": PASSWORD},
            {"login": founded.sr_login, "password": PASSWORD, "tenant": "no-such-organisation"},
            {"login": disabled["login"], "password": NEW_PASSWORD},
        )
    ]
    first = _told(answers[0])
    assert (first["status"], first["code"]) == (401, "wrong_password")
    assert [_told(answer) for answer in answers] == [first] * 4
    assert answers[0].headers["www-authenticate"] == "Bearer"


async def test_a_login_of_several_organisations_has_to_say_which(
    client: httpx.AsyncClient, database: Database, founded: Founded
) -> None:
    other = await found(database, password=PASSWORD)
    connection = await asyncpg.connect(database.owner_url)
    for tenant_id, password in ((founded.tenant_id, PASSWORD), (other.tenant_id, PASSWORD)):
        await add_user(connection, tenant_id, "both@everywhere.test", "sr", password)
    for tenant_id, password in ((founded.tenant_id, "first password"), (other.tenant_id, "second password")):
        await add_user(connection, tenant_id, "differs@everywhere.test", "sr", password)
    await connection.close()

    async def log_in(**body: str) -> httpx.Response:
        return await client.post(LOGIN, json=body)

    ambiguous = await log_in(login="both@everywhere.test", password=PASSWORD)
    assert (ambiguous.status_code, ambiguous.json()["code"]) == (409, "tenant_required")
    assert (await log_in(login="both@everywhere.test", password="wrong one")).status_code == 401
    for one in (founded, other):
        answer = await log_in(login="both@everywhere.test", password=PASSWORD, tenant=one.code)
        assert answer.json()["user"]["tenant_id"] == str(one.tenant_id)
    # The password alone tells which is meant.
    answer = await log_in(login="differs@everywhere.test", password="second password")
    assert answer.json()["user"]["tenant_id"] == str(other.tenant_id)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"login": "x"}, "/password"),
        ({"password": "x"}, "/login"),
        ({"login": 5, "password": "x"}, "/login"),
        ({"login": "x", "password": "x" * 201}, "/password"),
        ({"login": "x", "password": "x", "tennant": "acme"}, "/tennant"),
        ({"login": "x\0", "password": "x"}, "/login"),
    ],
)
async def test_a_bad_login_request_is_told_what_is_wrong(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(LOGIN, json=body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer garbage",
        "Bearer a.b.c",
        "Bearer é",
        "Token x",
        "Bearer " + "x" * 9000,
    ],
)
async def test_without_a_good_token_nothing_is_told(client: httpx.AsyncClient, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    for path in (ME, "/api/v1/regions", f"/api/v1/regions/{uuid.uuid4()}"):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_token_counts_in_its_header_only(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    token = admin.headers["authorization"].removeprefix("Bearer ")
    assert (await client.get(ME, params={"access_token": token})).status_code == 401
    assert (await client.get(ME, headers={"Cookie": f"access_token={token}"})).status_code == 401
    twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert (await client.get(ME, headers=twice)).status_code == 401


async def test_admins_reach_what_is_for_admins(admin: httpx.AsyncClient, sr: httpx.AsyncClient) -> None:
    assert (await admin.get("/api/v1/regions")).status_code == 200
    refused = await sr.get("/api/v1/regions")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_route_that_does_not_say_whom_it_is_for_keeps_the_process_from_starting() -> None:
    async def handler() -> None:
        """Do nothing."""

    for opt in ({}, {"role": "owner"}, {"public": False}, {"public": "yes"}):
        app = Litestar([get("/somewhere", opt=opt)(handler)], openapi_config=None)
        with pytest.raises(TypeError, match="/somewhere"):
            check_roles(app)
    for opt in ({"role": "any"}, {"role": "sr"}, {"public": True}):
        check_roles(Litestar([get("/somewhere", opt=opt)(handler)], openapi_config=None))


async def _log_in(client: httpx.AsyncClient, login: str, password: str = NEW_PASSWORD) -> dict[str, str]:
    answer = await client.post(LOGIN, json={"login": login, "password": password})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


async def _refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(REFRESH, json={"refresh_token": token})


async def test_a_refresh_token_used_twice_at_once_gives_one_successor(
    client: httpx.AsyncClient, settings: Settings, founded: Founded
) -> None:
    first = (await _log_in(client, founded.sr_login, PASSWORD))["refresh_token"]
    async with serving(settings) as elsewhere:
        answers = await asyncio.gather(*(_refresh(one, first) for one in [client, elsewhere] * 3))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert successors != {first}
    assert (await _refresh(client, successors.pop())).status_code == 200


@pytest.mark.parametrize("old", ["two generations old", "older than a minute"])
async def test_a_stale_refresh_token_ends_the_session(
    client: httpx.AsyncClient, database: Database, founded: Founded, old: str
) -> None:
    tokens = await _log_in(client, founded.sr_login, PASSWORD)
    second = (await _refresh(client, tokens["refresh_token"])).json()
    if old == "two generations old":
        second = (await _refresh(client, second["refresh_token"])).json()
    else:
        await _age(database, tokens, "rotated_at = rotated_at - interval '61 s'")
    stolen = await _refresh(client, tokens["refresh_token"])
    assert (stolen.status_code, stolen.json()["code"]) == (401, "session_ended")
    assert (await _refresh(client, second["refresh_token"])).status_code == 401
    for pair in (tokens, second):
        answer = await client.get(ME, headers={"Authorization": f"Bearer {pair['access_token']}"})
        assert answer.status_code == 401


async def test_a_session_is_over_after_30_days(client: httpx.AsyncClient, database: Database, founded: Founded) -> None:
    tokens = await _log_in(client, founded.admin_login, PASSWORD)
    await _age(database, tokens, "expires_at = expires_at - interval '30 days'")
    assert (await _refresh(client, tokens["refresh_token"])).status_code == 401


@pytest.mark.parametrize("token", ["garbage", "é" * 20, "A" * 96, "A" * 97])
async def test_what_is_no_refresh_token_is_refused(client: httpx.AsyncClient, token: str) -> None:
    answer = await _refresh(client, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_logging_out_twice_is_logging_out(login: Login, founded: Founded) -> None:
    one = await login(founded.admin_login)
    assert (await one.get(ME)).status_code == 200
    assert [(await one.post(LOGOUT)).status_code for _ in range(2)] == [204, 204]
    assert (await one.get(ME)).status_code == 401


async def test_no_refresh_after_a_logout_or_a_disabling(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    user = await create_user(admin)
    tokens = await _log_in(client, user["login"])
    await client.post(LOGOUT, headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (await _refresh(client, tokens["refresh_token"])).status_code == 401
    tokens = await _log_in(client, user["login"])
    assert (await admin.patch(f"/api/v1/users/{user['id']}", json={"active": False})).status_code == 200
    assert (await _refresh(client, tokens["refresh_token"])).status_code == 401


@pytest.mark.parametrize("change", [{"password": "another password"}, {"active": False}, {"role": "admin"}])
async def test_a_login_that_overlaps_a_change_of_rights_yields_nothing(  # fixtures
    admin: httpx.AsyncClient,
    client: httpx.AsyncClient,
    database: Database,
    founded: Founded,
    settings: Settings,
    change: dict[str, Any],
) -> None:
    user = await create_user(admin)
    url = f"/api/v1/users/{user['id']}"
    # The password has been found right and its user read; the change commits; only then the session is stored.
    engine = open_engine(database.app_url, application_name="tests")
    [read] = await login_candidates(engine, login=user["login"], organisation=None)
    for changes in (change, {"active": True, "role": "sr"}):
        assert (await admin.patch(url, json=changes)).status_code == 200
    async with transaction(engine, _sr(founded, read.user_id)) as tx:
        session = await start_session(StartSession(role=read.role, auth_version=read.auth_version), tx)
    await engine.dispose()
    tokens = Tokens(settings.jwt_keys)
    headers = {"Authorization": f"Bearer {tokens.access_token(session)}"}
    assert (await client.get(ME, headers=headers)).status_code == 401
    assert (await _refresh(client, tokens.refresh_token(session))).status_code == 401


def _sr(founded: Founded, user_id: uuid.UUID) -> Actor:
    return user_actor(tenant_id=founded.tenant_id, user_id=user_id, role=Role.SR, session_id=None, request_id=None)


async def test_guessing_is_slowed_down(settings: Settings, admin: httpx.AsyncClient) -> None:
    user = await create_user(admin)
    body = {"login": user["login"], "password": "a guess"}
    limited_settings = msgspec.structs.replace(settings, limits={"login": Limit(20, 60)})
    async with serving(limited_settings) as client:
        answers = await asyncio.gather(*(client.post(LOGIN, json=body) for _ in range(30)))
        right = await client.post(LOGIN, json=body | {"password": NEW_PASSWORD})
    assert right.status_code == 429
    limited = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {401, 429}
    assert len(limited) >= 10
    answer = limited[0]
    assert answer.json()["code"] == "too_many_failed_logins"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-policy"] == '"too_many_failed_logins";q=20;w=60'
    assert answer.headers["ratelimit"].startswith('"too_many_failed_logins";r=0;t=')


async def test_problems_are_problem_documents(client: httpx.AsyncClient) -> None:
    answer = await client.post(LOGIN, json={"login": "nobody", "password": "nothing"})
    assert set(answer.json()) == set(Problem.__struct_fields__) - {"errors", "details"}


async def _age(database: Database, tokens: dict[str, str], change: str) -> None:
    """Make the session of these tokens older than it is."""
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(f"UPDATE sessions SET {change} WHERE id = $1", claims["sid"])
    finally:
        await connection.close()

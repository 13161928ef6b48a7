"""Nobody sees or changes what belongs to another organisation, or, as an SR, to another SR.

Made from the OpenAPI document: every operation is called with every foreign id, wherever it takes one.
"""

import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from tests.api.conftest import PASSWORD, Login
from tests.builders.organisations import add_user, found
from tests.builders.pushes import item
from tests.conftest import Database

MARK = "LEAKED-4711"
TABLES = (
    "regions", "areas", "territories", "distributors", "retailers", "assignments", "jobs",
    "chunks", "before_images",
)  # fmt: skip
# Logging in and out is about tokens, not ids, and would end the sessions that this test uses.
SKIPPED = ("/api/v1/auth/", "/api/v1/me/password")


@dataclass(frozen=True)
class Victim:
    """An organisation with one of everything, every text of which carries MARK."""

    tenant_id: uuid.UUID
    ids: dict[str, str]
    rows: dict[str, str]


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    params: dict[str, str]
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.params} {json.dumps(self.body)}"


@pytest.fixture(scope="module")
async def victim(database: Database, login: Login) -> Victim:
    founded = await found(database, password=PASSWORD)
    admin = await login(founded.admin_login)

    async def create(path: str, **body: object) -> str:
        answer = await admin.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    region = await create("regions", code=f"R-{MARK}", name=f"Region {MARK}")
    area = await create("areas", code=f"A-{MARK}", name=f"Area {MARK}", region_id=region)
    territory = await create("territories", code=f"T-{MARK}", name=f"Territory {MARK}", area_id=area)
    distributor = await create("distributors", code=f"D-{MARK}", name=f"Distributor {MARK}")
    shop = {"phone": "+8801712345678", "territory_id": territory, "distributor_id": distributor}
    retailer = await create("retailers", uid=f"U-{MARK}", name=f"Shop {MARK}", notes=MARK, routes=[MARK], **shop)
    upload = await admin.post(
        "/api/v1/imports?kind=retailers", content=b"uid\n1\n", headers={"content-type": "text/csv"}
    )
    assert upload.status_code == 202, upload.text
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "INSERT INTO assignments (tenant_id, id, retailer_id, sr_id) VALUES ($1, $2, $3, $4)",
            founded.tenant_id, uuid.uuid4(), uuid.UUID(retailer), founded.sr_id,
        )  # fmt: skip
        await connection.execute("UPDATE users SET name = name || $2 WHERE tenant_id = $1", founded.tenant_id, MARK)
        # The victim has read their own list, so that their book is there before anybody else asks for it.
        sr = await login(founded.sr_login)
        assert (await sr.get("/api/v1/sr/retailers")).json()["count"] == 1
        # One change that was made, one that was refused and is shown to the victim's admin.
        pushed = [item(retailer, points=7), item(uuid.uuid4(), notes=MARK)]
        answer = await sr.post("/api/v1/sr/sync", json={"changes": pushed})
        assert [one["status"] for one in answer.json()["results"]] == ["applied", "rejected"]
        assert MARK in (await admin.get("/api/v1/sync-rejects")).text
        rows = await checksums(connection, founded.tenant_id, founded.sr_id)
    finally:
        await connection.close()
    ids = {
        "region_id": region, "area_id": area, "territory_id": territory, "distributor_id": distributor,
        "retailer_id": retailer, "user_id": str(founded.admin_id), "sr_id": str(founded.sr_id),
        "job_id": upload.json()["job"]["id"],
    }  # fmt: skip
    return Victim(founded.tenant_id, ids, rows)


async def checksums(connection: asyncpg.Connection, tenant_id: uuid.UUID, sr_id: uuid.UUID) -> dict[str, str]:
    """Every row of the organisation, as one digest a table; of what each SR has for themself only the victim's."""
    digest = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), ''))"
    found = {
        table: await connection.fetchval(f"{digest} FROM {table} t WHERE tenant_id = $1", tenant_id) for table in TABLES
    }
    columns = dict.fromkeys(("books", "book_entries", "pushed_changes", "sync_rejects"), "sr_id")
    for table, column in {**columns, "users": "id", "sessions": "user_id"}.items():
        of_the_victim = f"{digest} FROM {table} t WHERE tenant_id = $1 AND {column} = $2"
        found[table] = await connection.fetchval(of_the_victim, tenant_id, sr_id)
    return found


@pytest.fixture(scope="module")
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
async def strangers(database: Database, login: Login, victim: Victim) -> dict[str, httpx.AsyncClient]:
    """An admin and an SR of another organisation, and another SR of the same one."""
    founded = await found(database, password=PASSWORD)
    connection = await asyncpg.connect(database.owner_url)
    try:
        name = f"other-{uuid.uuid4().hex[:8]}@victim.test"
        await add_user(connection, victim.tenant_id, name, "sr", PASSWORD)
    finally:
        await connection.close()
    return {
        "admin of another organisation": await login(founded.admin_login),
        "SR of another organisation": await login(founded.sr_login),
        "another SR of the same organisation": await login(name),
    }


def calls(document: dict[str, Any], ids: dict[str, str]) -> Iterator[Call]:
    """Every operation with every id in every place that takes one."""
    for path, operations in document["paths"].items():
        if not path.startswith("/api/v1/") or path.startswith(SKIPPED):
            continue
        for method, operation in operations.items():
            parameters = [one for one in operation.get("parameters", []) if "$ref" not in one]
            places = [one["name"] for one in parameters if one["in"] == "path"]
            for chosen in itertools.product(ids.values(), repeat=len(places)):
                url = path
                for name, value in zip(places, chosen, strict=True):
                    url = url.replace(f"{{{name}}}", value)
                body = _body(operation, ids)
                yield Call(method.upper(), url, {}, body)
            if not places:
                for one, value in itertools.product(parameters, ids.values()):
                    if one["in"] == "query" and one["name"].endswith("_id"):
                        yield Call(method.upper(), path, {one["name"]: value}, None)


def _body(operation: dict[str, Any], ids: dict[str, str]) -> object:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else _foreign(content.get("example", {}), ids, "")


def _foreign(value: object, ids: dict[str, str], name: str) -> object:
    match value:
        case dict():
            return {key: _foreign(one, ids, key) for key, one in value.items()}
        case list():
            return [_foreign(one, ids, name.removesuffix("s")) for one in value]
        case _:
            return ids.get(name, value)


@pytest.mark.parametrize(
    "who", ["admin of another organisation", "SR of another organisation", "another SR of the same organisation"]
)
async def test_no_operation_leaks_or_changes_anything_foreign(
    who: str, strangers: dict[str, httpx.AsyncClient], document: dict[str, Any], victim: Victim, database: Database
) -> None:
    stranger = strangers[who]
    tried, leaks = 0, []
    # An SR may read the names of their own organisation's tree, and nothing else of it.
    for call in calls(document, victim.ids):
        answer = await stranger.request(call.method, call.path, params=call.params, json=call.body)
        tried += 1
        if answer.status_code >= 500 or MARK in answer.text:
            leaks.append(f"{call} -> {answer.status_code} {answer.text[:200]}")
        elif answer.is_success and any(one in call.path for one in victim.ids.values()):
            leaks.append(f"{call} -> {answer.status_code}")
    assert tried > 100
    assert leaks == []
    connection = await asyncpg.connect(database.owner_url)
    try:
        after = await checksums(connection, victim.tenant_id, uuid.UUID(victim.ids["sr_id"]))
    finally:
        await connection.close()
    assert after == victim.rows


async def test_sql_as_the_sr_role_sees_only_the_srs_rows(database: Database, victim: Victim) -> None:
    connection = await asyncpg.connect(database.app_url)
    try:
        async with connection.transaction():
            await _become(connection, "haat_sr", victim.tenant_id, uuid.UUID(victim.ids["sr_id"]))
            assert await connection.fetchval("SELECT count(*) FROM retailers") == 1
            assert await connection.fetchval("SELECT count(*) FROM users") == 1
        async with connection.transaction():
            await _become(connection, "haat_sr", victim.tenant_id, uuid.uuid4())
            for table in ("retailers", "assignments", "users", "sessions", "books", "book_entries", "pushed_changes"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
            for table in ("jobs", "before_images", "outbox", "chunks", "sync_rejects"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.fetchval(f"SELECT count(*) FROM {table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(
                    "INSERT INTO sync_rejects (tenant_id, id, sr_id, code, message, digest)"
                    " VALUES ($1, uuidv7(), $2, 'c', 'm', 'd')",
                    victim.tenant_id, uuid.UUID(victim.ids["sr_id"]),
                )  # fmt: skip
    finally:
        await connection.close()


@pytest.mark.parametrize("role", ["haat_sr", "haat_admin", "haat_worker"])
async def test_nobody_set_means_nothing_seen(role: str, database: Database, victim: Victim) -> None:
    connection = await asyncpg.connect(database.app_url)
    try:
        assert victim.ids
        async with connection.transaction():
            await connection.execute("SELECT set_config('role', $1, true)", role)
            for table in ("retailers", "users", "regions", "assignments"):
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, (role, table)
    finally:
        await connection.close()


async def test_the_login_itself_may_do_nothing(database: Database, victim: Victim) -> None:
    connection = await asyncpg.connect(database.app_url)
    try:
        assert victim.ids
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT count(*) FROM retailers")
    finally:
        await connection.close()


async def _become(connection: asyncpg.Connection, role: str, tenant_id: uuid.UUID, user_id: uuid.UUID) -> None:
    await connection.execute(
        "SELECT set_config('role', $1, true), set_config('haat.tenant_id', $2, true),"
        " set_config('haat.user_id', $3, true)",
        role,
        str(tenant_id),
        str(user_id),
    )

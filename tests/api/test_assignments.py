"""Assigning many retailers over HTTP: see what it would do, then do exactly that."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

from tests.builders.organisations import Founded, add_user
from tests.builders.retailers import assign, retailer
from tests.builders.territories import territory
from tests.conftest import Database

Json = dict[str, Any]
PREVIEW = "/api/v1/assignments/preview"
ASSIGN = "/api/v1/assignments"


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def shops(admin: httpx.AsyncClient) -> list[Json]:
    """Three retailers in a territory of their own."""
    place = await territory(admin)
    return [await retailer(admin, place["id"], name=name) for name in ("Anis", "Babul", "Chand")]


@pytest.fixture
async def srs(owner: asyncpg.Connection, founded: Founded) -> list[str]:
    made = [await add_user(owner, founded.tenant_id, f"{uuid.uuid4()}@sr.test", "sr", "secret") for _ in range(2)]
    return sorted(str(one) for one in made)


def of(shops: list[Json]) -> Json:
    return {"retailer_ids": [shop["id"] for shop in shops]}


async def previewed(admin: httpx.AsyncClient, select: Json, sr_ids: list[str] | None, **more: object) -> httpx.Response:
    to = None if sr_ids is None else {"sr_ids": sr_ids}
    return await admin.post(PREVIEW, json={"select": select, "to": to, **more})


async def test_a_preview_tells_loads_losses_and_what_to_expect(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded, shops: list[Json], srs: list[str]
) -> None:
    await assign(owner, founded.tenant_id, shops[0]["id"], founded.sr_id)
    answer = await previewed(admin, of(shops), srs, strategy="balance")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["count"] == 3
    assert shown["loads"] == [
        {"sr_id": srs[0], "before": 0, "after": 2},
        {"sr_id": srs[1], "before": 0, "after": 1},
    ]
    assert shown["losses"] == [{"sr_id": str(founded.sr_id), "count": 1}]
    assert shown["expect"]["count"] == 3


async def test_what_was_previewed_becomes_a_job(admin: httpx.AsyncClient, shops: list[Json], srs: list[str]) -> None:
    wish = {"select": of(shops), "to": {"sr_ids": srs}, "strategy": "balance"}
    expect = (await admin.post(PREVIEW, json=wish)).json()["expect"]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answer = await admin.post(ASSIGN, json={**wish, "expect": expect}, headers=key)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["kind"], job["state"], job["progress"]["unit"]) == ("assignment", "queued", "retailers")
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    again = await admin.post(ASSIGN, json={**wish, "expect": expect}, headers=key)
    assert again.json()["job"]["id"] == job["id"]


async def test_without_what_to_expect_nothing_is_assigned(
    admin: httpx.AsyncClient, shops: list[Json], srs: list[str]
) -> None:
    answer = await admin.post(ASSIGN, json={"select": of(shops), "to": {"sr_ids": srs}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expect"


async def test_a_holder_who_changed_since_the_preview_is_a_drift(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded, shops: list[Json], srs: list[str]
) -> None:
    wish = {"select": of(shops), "to": {"sr_ids": srs}}
    expect = (await admin.post(PREVIEW, json=wish)).json()["expect"]
    await assign(owner, founded.tenant_id, shops[1]["id"], founded.sr_id)
    answer = await admin.post(ASSIGN, json={**wish, "expect": expect})
    assert (answer.status_code, answer.json()["code"]) == (409, "drifted")


async def test_every_filter_of_the_list_selects_the_same_retailers(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded, srs: list[str]
) -> None:
    place = await territory(admin)
    one = await retailer(admin, place["id"], name="Zahir Store", phone="01799887766", routes=["Mon"])
    other = await retailer(admin, place["id"], name="Yusuf Store", active=False)
    await assign(owner, founded.tenant_id, other["id"], founded.sr_id)
    here = {"territory_id": place["id"]}
    for extra in ({}, {"route": "Mon"}, {"q": "zahir"}, {"q": "887766"}, {"assigned": True}, {"assigned": False},
                  {"active": False}, {"sr_id": str(founded.sr_id)}, {"area_id": place["area_id"]}):  # fmt: skip
        wanted = {**here, **extra}
        listed = (await admin.get("/api/v1/retailers", params=wanted)).json()
        selected = (await previewed(admin, {"filter": wanted}, srs)).json()
        assert selected["count"] == listed["count"] == len(listed["items"]), wanted
    by_ids = (await previewed(admin, of([one, other]), srs)).json()
    assert (await previewed(admin, {"filter": here}, srs)).json()["expect"] == by_ids["expect"]


@pytest.mark.parametrize(
    ("select", "status", "code"),
    [
        ({}, 422, "unfit_assignment"),
        ({"all": False}, 422, "unfit_assignment"),
        ({"all": True, "retailer_uids": ["R1"]}, 422, "unfit_assignment"),
        ({"retailer_uids": ["no such uid"]}, 422, "unknown_retailers"),
        ({"retailer_ids": [str(uuid.UUID(int=1))]}, 422, "unknown_retailers"),
        ({"retailer_ids": []}, 422, "invalid_body"),
        ({"filter": {"regionid": str(uuid.UUID(int=1))}}, 422, "invalid_body"),
        ({"filter": {"region_id": "x"}}, 422, "invalid_body"),
        ({"filter": {"region_id": str(uuid.UUID(int=1))}}, 422, "nothing_selected"),
        ({"everything": True}, 422, "invalid_body"),
    ],
)
async def test_selections_that_make_no_sense_are_refused(
    admin: httpx.AsyncClient, srs: list[str], select: Json, status: int, code: str
) -> None:
    answer = await previewed(admin, select, srs)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_only_active_srs_are_given_retailers(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded, shops: list[Json], srs: list[str]
) -> None:
    await owner.execute("UPDATE users SET active = false WHERE id = $1", uuid.UUID(srs[1]))
    for wrong in (srs[1], str(founded.admin_id), str(uuid.uuid4())):
        answer = await previewed(admin, of(shops), [srs[0], wrong])
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_srs")
        assert [fault["message"] for fault in answer.json()["errors"]] == [f"{wrong} is no active SR."]


async def test_all_to_one_takes_exactly_one(admin: httpx.AsyncClient, shops: list[Json], srs: list[str]) -> None:
    refused = await previewed(admin, of(shops), srs, strategy="all_to_one")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/to/sr_ids")
    shown = (await previewed(admin, of(shops), srs[:1], strategy="all_to_one")).json()
    assert shown["loads"] == [{"sr_id": srs[0], "before": 0, "after": 3}]


async def test_srs_may_not_assign(sr: httpx.AsyncClient) -> None:
    assert (await previewed(sr, {"all": True}, None)).status_code == 403


async def test_a_day_and_a_return_are_told_by_the_job(
    admin: httpx.AsyncClient, shops: list[Json], srs: list[str]
) -> None:
    day = datetime.now(ZoneInfo("Asia/Dhaka")).date()
    dates = {"effective_on": f"{day + timedelta(days=2)}", "return_on": f"{day + timedelta(days=9)}"}
    wish = {"select": of(shops), "to": {"sr_ids": srs[:1]}, **dates}
    preview = await admin.post(PREVIEW, json=wish)
    assert preview.status_code == 200, preview.text
    answer = await admin.post(ASSIGN, json={**wish, "expect": preview.json()["expect"]})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["starts_on"], job["returns_on"], job["return_of"]) == (dates["effective_on"], dates["return_on"], None)


@pytest.mark.parametrize(
    ("dates", "code", "pointer"),
    [
        ({"effective_on": "2020-01-01"}, "unfit_assignment", "/effective_on"),
        ({"effective_on": "2999-01-01"}, "unfit_assignment", "/effective_on"),
        ({"return_on": "2020-01-01"}, "unfit_assignment", "/return_on"),
        ({"return_on": "next week"}, "invalid_body", "/return_on"),
        ({"effective_on": "2026-12-01T00:00:00Z"}, "invalid_body", "/effective_on"),
    ],
)
@pytest.mark.parametrize("path", [PREVIEW, ASSIGN])
async def test_days_that_cannot_be_are_refused(
    admin: httpx.AsyncClient, shops: list[Json], srs: list[str], dates: Json, code: str, pointer: str, path: str
) -> None:
    wish = {"select": of(shops), "to": {"sr_ids": srs[:1]}}
    expect = (await admin.post(PREVIEW, json=wish)).json()["expect"]
    answer = await admin.post(path, json={**wish, **dates, **({"expect": expect} if path == ASSIGN else {})})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_a_hundred_thousand_retailers_can_be_named(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded, srs: list[str]
) -> None:
    place = await territory(admin)
    await owner.execute(
        "INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id)"
        " SELECT $1, uuidv7(), lpad(n::text, 64, 'R'), 'Shop', '+8801700000000', $2 FROM generate_series(1, 20000) n",
        founded.tenant_id,
        uuid.UUID(place["id"]),
    )
    uids = [f"{number}".rjust(64, "R") for number in range(1, 100_001)]
    unknown = await previewed(admin, {"retailer_uids": uids}, srs)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_retailers"), unknown.text[:300]
    assert len(unknown.json()["errors"]) == 20
    wish = {"select": {"retailer_uids": uids[:20_000]}, "to": {"sr_ids": srs}, "strategy": "balance"}
    preview = (await admin.post(PREVIEW, json=wish)).json()
    assert preview["count"] == 20_000
    answer = await admin.post(ASSIGN, json={**wish, "expect": preview["expect"]})
    assert answer.status_code == 202, answer.text
    kept = "SELECT octet_length(params::text) FROM jobs WHERE id = $1"
    assert await owner.fetchval(kept, uuid.UUID(answer.json()["job"]["id"])) < 1_000
    too_many = await previewed(admin, {"retailer_uids": [*uids, "one more"]}, srs)
    assert (too_many.status_code, too_many.json()["code"]) == (422, "invalid_body")
    assert (await admin.post(PREVIEW, content=b" " * 8_400_000)).status_code == 413

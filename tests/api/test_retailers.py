"""Retailers as an admin keeps them: every single write and read."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from tests.builders.distributors import distributor
from tests.builders.organisations import Founded, found
from tests.builders.regions import fresh
from tests.builders.retailers import assign, retailer
from tests.builders.territories import territory
from tests.conftest import Database

Json = dict[str, Any]


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


def url_of(one: Json) -> str:
    return f"/api/v1/retailers/{one['id']}"


async def test_a_retailer_shows_all_it_refers_to_by_name(admin: httpx.AsyncClient) -> None:
    place, supplier = await territory(admin, name="মিরপুর ১০"), await distributor(admin, name="Rahman & Sons")
    uid = fresh("R")
    made = await retailer(
        admin,
        place["id"],
        uid=f" {uid} ",
        name="রহিম স্টোর",
        phone="০১৭১২-৩৪৫৬৭৮",
        distributor_id=supplier["id"],
        routes=["Mon North", " Thu ", "Mon North"],
        points=120,
        notes="Closed on Fridays.\n\tRing twice.",
        lat=23.8103,
        lng=90.4125,
        active=False,
    )
    assert made == {
        "id": made["id"],
        "uid": uid,
        "name": "রহিম স্টোর",
        "phone": "+8801712345678",
        "region": made["region"],
        "area": {"id": place["area_id"], "code": made["area"]["code"], "name": "Area"},
        "territory": {"id": place["id"], "code": place["code"], "name": "মিরপুর ১০"},
        "distributor": {"id": supplier["id"], "code": supplier["code"], "name": "Rahman & Sons"},
        "routes": ["Mon North", "Thu"],
        "points": 120,
        "notes": "Closed on Fridays.\n\tRing twice.",
        "lat": 23.8103,
        "lng": 90.4125,
        "active": False,
        "sr": None,
        "version": 1,
        "updated_at": made["updated_at"],
    }
    read = await admin.get(url_of(made))
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, made, '"1"')


async def test_only_uid_name_phone_and_territory_are_needed(admin: httpx.AsyncClient) -> None:
    made = await retailer(admin)
    empty = ("distributor", "routes", "points", "notes", "lat", "lng", "active", "sr")
    assert [made[name] for name in empty] == [None, [], 0, None, None, None, True, None]
    answer = await admin.post("/api/v1/retailers", json={})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/uid", "/name", "/phone", "/territory_id"]


async def test_a_change_changes_what_it_names_and_null_clears(admin: httpx.AsyncClient) -> None:
    supplier, there = await distributor(admin), await territory(admin)
    made = await retailer(admin, distributor_id=supplier["id"], notes="x", lat=1, lng=2, points=5, routes=["a"])
    moved = await admin.patch(url_of(made), json={"territory_id": there["id"], "phone": "+8801812345678"})
    assert moved.status_code == 200, moved.text
    after = moved.json()
    assert (after["territory"]["id"], after["phone"], after["version"]) == (there["id"], "+8801812345678", 2)
    assert (after["notes"], after["points"], after["routes"], after["lat"]) == ("x", 5, ["a"], 1)
    clear: Json = {"distributor_id": None, "notes": None, "lat": None, "lng": None, "routes": []}
    cleared = (await admin.patch(url_of(made), json=clear)).json()
    assert [cleared[name] for name in ("distributor", "notes", "lat", "lng", "routes")] == [None, None, None, None, []]
    assert (await admin.patch(url_of(made), json={**clear, "points": 5})).json() == cleared
    assert (await admin.get(url_of(made))).json() == cleared


async def test_half_a_position_is_refused_unless_the_other_half_is_there(admin: httpx.AsyncClient) -> None:
    made = await retailer(admin, lat=1.5, lng=2.5)
    assert (await admin.patch(url_of(made), json={"lat": 3.5})).json()["lat"] == 3.5
    refused = await admin.patch(url_of(made), json={"lng": None})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lng")


async def test_a_stale_change_is_refused(admin: httpx.AsyncClient) -> None:
    made = await retailer(admin)
    assert (await admin.patch(url_of(made), json={"points": 1}, headers={"If-Match": '"1"'})).status_code == 200
    late = await admin.patch(url_of(made), json={"points": 2}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "version_mismatch")
    assert (await admin.delete(url_of(made), headers={"If-Match": '"1"'})).status_code == 412


async def test_a_uid_is_taken_once(admin: httpx.AsyncClient) -> None:
    first, second = await retailer(admin), await retailer(admin)
    taken = await admin.patch(url_of(second), json={"uid": first["uid"]})
    assert (taken.status_code, taken.json()["code"], taken.json()["details"]) == (409, "code_taken", {"field": "uid"})
    renamed = await admin.patch(url_of(second), json={"uid": fresh("R")})
    assert renamed.status_code == 200


async def test_the_uid_of_a_deleted_retailer_stays_taken_and_says_so(admin: httpx.AsyncClient) -> None:
    gone, other = await retailer(admin), await retailer(admin)
    assert (await admin.delete(url_of(gone))).status_code == 204
    body = {"uid": gone["uid"], "name": "x", "phone": "01712345678", "territory_id": gone["territory"]["id"]}
    for answer in (
        await admin.post("/api/v1/retailers", json=body),
        await admin.patch(url_of(other), json={"uid": gone["uid"]}),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "code_taken")
        assert problem["details"] == {"field": "uid", "deleted": True, "retailer_id": gone["id"]}
        assert "Restore" in problem["detail"]


async def test_a_deleted_retailer_leaves_lists_and_its_sr_and_comes_back_held_by_nobody(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded
) -> None:
    made = await retailer(admin)
    await assign(owner, founded.tenant_id, made["id"], founded.sr_id)
    held = (await admin.get(url_of(made))).json()
    assert held["sr"] == {"id": str(founded.sr_id), "name": founded.sr_login, "login": founded.sr_login}
    assert (await admin.delete(url_of(made))).status_code == 204
    for hidden in (
        await admin.get(url_of(made)),
        await admin.patch(url_of(made), json={"points": 1}),
        await admin.delete(url_of(made)),
    ):
        assert hidden.status_code == 404
    assert (await admin.get("/api/v1/retailers", params={"q": made["uid"]})).json()["items"] == []
    touches = await owner.fetchval(
        "SELECT touches FROM outbox WHERE type = 'retailers.retailer_deleted.v1' AND payload ->> 'retailer_id' = $1",
        made["id"],
    )
    assert json.loads(touches) == {"sr_ids": [str(founded.sr_id)], "retailer_ids": [made["id"]]}
    restored = await admin.post(f"{url_of(made)}/restore")
    assert restored.status_code == 200, restored.text
    assert restored.json() == {**made, "version": 3, "updated_at": restored.json()["updated_at"]}
    again = await admin.post(f"{url_of(made)}/restore")
    assert (again.status_code, again.json()) == (200, restored.json())


async def test_deleting_ends_an_assignment_that_begins_later_by_the_clock(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded
) -> None:
    made = await retailer(admin)
    begun = datetime(2200, 1, 1, tzinfo=UTC)
    await assign(owner, founded.tenant_id, made["id"], founded.sr_id, started_at=begun)
    assert (await admin.delete(url_of(made))).status_code == 204
    ended = await owner.fetchval("SELECT ended_at FROM assignments WHERE retailer_id = $1", made["id"])
    assert ended == begun


async def test_history_tells_who_had_it_on_a_day_of_the_organisations_calendar(
    admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded
) -> None:
    made = await retailer(admin)
    # In Dhaka (UTC+6) the 2nd of March begins at 18:00 UTC on the 1st.
    first = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 17, 59, tzinfo=UTC)
    second = datetime(2026, 3, 1, 18, tzinfo=UTC), datetime(2026, 3, 3, 18, tzinfo=UTC)
    await assign(owner, founded.tenant_id, made["id"], founded.sr_id, started_at=first[0], ended_at=first[1])
    await assign(owner, founded.tenant_id, made["id"], founded.admin_id, started_at=second[0], ended_at=second[1])
    await assign(owner, founded.tenant_id, made["id"], founded.sr_id, started_at=datetime(2026, 4, 1, tzinfo=UTC))

    async def holders(**params: str) -> list[str]:
        answer = await admin.get(f"{url_of(made)}/assignments", params=params)
        assert answer.status_code == 200, answer.text
        return [one["sr"]["login"] for one in answer.json()["items"]]

    sr, other = founded.sr_login, founded.admin_login
    assert await holders() == [sr, other, sr]
    assert await holders(on="2026-03-01") == [sr]
    assert await holders(on="2026-03-02") == [other]
    assert await holders(on="2026-03-03") == [other]
    assert await holders(on="2026-03-04") == []
    assert await holders(on="2026-12-31") == [sr]
    assert await holders(on="9999-12-31") == [sr]
    assert await holders(on="0001-01-01") == []
    page = (await admin.get(f"{url_of(made)}/assignments", params={"limit": 2})).json()
    rest = await admin.get(f"{url_of(made)}/assignments", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [one["sr"]["login"] for one in page["items"] + rest.json()["items"]] == [sr, other, sr]
    assert page["items"][0]["ended_at"] is None
    assert page["items"][1]["started_at"] == "2026-03-01T18:00:00Z"


async def test_another_organisations_retailers_are_not_there(
    admin: httpx.AsyncClient, database: Database, login: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    made, supplier = await retailer(admin), await distributor(admin)
    other = await login((await found(database, password="correct horse battery")).admin_login)
    for hidden in (
        await other.get(url_of(made)),
        await other.patch(url_of(made), json={"points": 1}),
        await other.delete(url_of(made)),
        await other.post(f"{url_of(made)}/restore"),
        await other.get(f"{url_of(made)}/assignments"),
    ):
        assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")
    mine = await retailer(other, uid=made["uid"])
    for body in ({"territory_id": made["territory"]["id"]}, {"distributor_id": supplier["id"]}):
        refused = await other.patch(url_of(mine), json=body)
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{name}" for name in body]
    for params in (
        {"territory_id": made["territory"]["id"]},
        {"region_id": made["region"]["id"]},
        {"distributor_id": supplier["id"]},
    ):
        assert (await other.get("/api/v1/retailers", params=params)).json()["items"] == []
    by_uid = await other.get("/api/v1/retailers", params={"q": made["uid"]})
    assert [one["id"] for one in by_uid.json()["items"]] == [mine["id"]]


async def test_srs_do_not_reach_the_admins_retailers(sr: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    made = await retailer(admin)
    assert (await sr.get("/api/v1/retailers")).status_code == 403
    assert (await sr.patch(url_of(made), json={"points": 1})).status_code == 403


async def test_the_same_request_with_the_same_key_gets_the_first_answer(admin: httpx.AsyncClient) -> None:
    made = await retailer(admin)
    key = {"Idempotency-Key": fresh("key")}
    first = await admin.patch(url_of(made), json={"points": 7}, headers=key)
    await admin.patch(url_of(made), json={"points": 8})
    again = await admin.patch(url_of(made), json={"points": 7}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await admin.get(url_of(made))).json()["points"] == 8

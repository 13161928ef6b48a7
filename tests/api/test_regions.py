"""Regions, and the rules that areas, territories and distributors share with them."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.builders import areas, distributors, regions, territories
from tests.builders.organisations import Founded, found
from tests.builders.regions import created, fresh
from tests.conftest import Database

Json = dict[str, Any]
Make = Callable[..., Awaitable[Json]]

KINDS = [
    pytest.param("regions", None, regions.region, id="regions"),
    pytest.param("areas", "region_id", areas.area, id="areas"),
    pytest.param("territories", "area_id", territories.territory, id="territories"),
    pytest.param("distributors", None, distributors.distributor, id="distributors"),
]
named = pytest.mark.parametrize(("kind", "parent", "make"), KINDS)


def body(made: Json, parent: str | None, **members: object) -> Json:
    """A body for another thing beside `made`."""
    above = {} if parent is None else {parent: made[parent]}
    return {"code": fresh("x"), "name": "Other", **above, **members}


@named
async def test_what_is_created_is_read_by_id(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    made = await make(admin, name="ঢাকা উত্তর")
    assert set(made) == {"id", "code", "name", "version"} | ({parent} if parent else set())
    assert (made["name"], made["version"]) == ("ঢাকা উত্তর", 1)
    answer = await admin.get(f"/api/v1/{kind}/{made['id']}")
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, made, '"1"')


@named
async def test_codes_are_trimmed_and_composed_before_they_are_compared(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    made = await make(admin)
    code = fresh("é")
    first = await created(admin, kind, **body(made, parent, code=f"  {code} "))
    assert first["code"] == code
    again = await admin.post(f"/api/v1/{kind}", json=body(made, parent, code=code.replace("é", "e\u0301")))
    assert (again.status_code, again.json()["code"], again.json()["details"]["field"]) == (409, "code_taken", "code")
    moved = await admin.patch(f"/api/v1/{kind}/{made['id']}", json={"code": code})
    assert (moved.status_code, moved.json()["code"]) == (409, "code_taken")


@named
@pytest.mark.parametrize(
    ("members", "pointers"),
    [
        ({"code": "   ", "name": " \u2003 "}, {"/code", "/name"}),
        ({"code": "", "name": ""}, {"/code", "/name"}),
        ({"code": "x" * 65, "name": "x" * 201}, {"/code", "/name"}),
        ({"code": "a\u0000b", "name": "a\u0007b"}, {"/code", "/name"}),
        ({"code": 5, "name": None}, {"/code", "/name"}),
        ({"nmae": "x"}, {"/nmae"}),
    ],
)
async def test_every_fault_of_a_body_is_named(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make, members: Json, pointers: set[str]
) -> None:
    made = await make(admin)
    for answer in (
        await admin.post(f"/api/v1/{kind}", json=body(made, parent, **members)),
        await admin.patch(f"/api/v1/{kind}/{made['id']}", json=members),
    ):
        assert answer.status_code == 422, answer.text
        assert {fault["pointer"] for fault in answer.json()["errors"]} == pointers
    assert (await admin.get(f"/api/v1/{kind}/{made['id']}")).json() == made


@named
async def test_a_change_needs_the_version_it_was_based_on(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    del parent
    url = f"/api/v1/{kind}/{(await make(admin))['id']}"
    changed = await admin.patch(url, json={"name": "New"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["version"], changed.headers["etag"]) == (200, 2, '"2"')
    late = await admin.patch(url, json={"name": "Newer"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "version_mismatch")
    assert (await admin.delete(url, headers={"If-Match": '"1"'})).status_code == 412
    assert (await admin.patch(url, json={"name": "x"}, headers={"If-Match": "1"})).status_code == 400


@named
async def test_changing_nothing_counts_no_version(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    made = await make(admin)
    above = {} if parent is None else {parent: made[parent]}
    for same in ({}, {"name": made["name"], "code": f" {made['code']}", **above}):
        assert (await admin.patch(f"/api/v1/{kind}/{made['id']}", json=same)).json() == made


@named
async def test_what_is_deleted_is_gone(admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make) -> None:
    del parent
    url = f"/api/v1/{kind}/{(await make(admin))['id']}"
    assert (await admin.delete(url)).status_code == 204
    for gone in (await admin.get(url), await admin.patch(url, json={"name": "x"}), await admin.delete(url)):
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


@named
async def test_another_organisations_things_are_not_there(
    admin: httpx.AsyncClient,
    database: Database,
    login: Callable[..., Awaitable[httpx.AsyncClient]],
    kind: str,
    parent: str | None,
    make: Make,
) -> None:
    made = await make(admin)
    foreign: Founded = await found(database, password="correct horse battery")
    other = await login(foreign.admin_login)
    url = f"/api/v1/{kind}/{made['id']}"
    for hidden in (await other.get(url), await other.patch(url, json={"name": "x"}), await other.delete(url)):
        assert hidden.status_code == 404
    assert (await other.get(f"/api/v1/{kind}")).json()["items"] == []
    if parent is not None:
        refused = await other.post(f"/api/v1/{kind}", json=body(made, parent))
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{parent}"]
    assert (await admin.get(url)).json() == made


@pytest.mark.parametrize(("kind", "parent", "make"), KINDS[1:3])
async def test_a_parent_that_does_not_exist_is_named(
    admin: httpx.AsyncClient, kind: str, parent: str, make: Make
) -> None:
    made = await make(admin)
    nowhere = {parent: str(uuid.uuid4())}
    for answer in (
        await admin.post(f"/api/v1/{kind}", json=body(made, parent, **nowhere)),
        await admin.patch(f"/api/v1/{kind}/{made['id']}", json=nowhere),
    ):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{parent}"
        assert answer.json()["errors"][0]["code"] == "unknown_reference"


@named
async def test_lists_are_in_order_and_complete(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    del parent
    word = fresh("w")
    names = [f"{word} {name}" for name in ("b", "ঢাকা", "B", "a", "a", "চট্টগ্রাম")]
    made = [await make(admin, name=name) for name in names]
    found_ids: list[str] = []
    cursor = None
    while True:
        params: Json = {"q": word.upper(), "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get(f"/api/v1/{kind}", params=params)).json()
        found_ids += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found_ids == [one["id"] for one in sorted(made, key=lambda one: (one["name"], uuid.UUID(one["id"])))]


@named
async def test_search_takes_every_character_as_itself(
    admin: httpx.AsyncClient, kind: str, parent: str | None, make: Make
) -> None:
    made = await make(admin)
    word = fresh("100%_\\")
    strange = await created(admin, kind, **body(made, parent, name=word))

    async def found_by(q: str) -> list[str]:
        return [one["id"] for one in (await admin.get(f"/api/v1/{kind}", params={"q": q})).json()["items"]]

    assert await found_by(word[:9]) == [strange["id"]]
    assert await found_by(strange["code"]) == [strange["id"]]
    assert await found_by("100__\\") == []
    assert (await admin.get(f"/api/v1/{kind}", params={"q": "a\0b"})).status_code == 400
    assert len(await found_by("   ")) > 0


async def test_a_region_with_areas_stays(admin: httpx.AsyncClient) -> None:
    area = await areas.area(admin)
    refused = await admin.delete(f"/api/v1/regions/{area['region_id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert refused.json()["details"]["referred_by"] == "areas"


async def test_the_same_request_with_the_same_key_creates_once(admin: httpx.AsyncClient) -> None:
    one = {"code": fresh("k"), "name": "Once"}
    key = {"Idempotency-Key": fresh("key")}
    first = await admin.post("/api/v1/regions", json=one, headers=key)
    again = await admin.post("/api/v1/regions", json=one, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())

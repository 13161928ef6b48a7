"""What retailers refuse: always a clear fault, never a half-applied change."""

import uuid
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.builders.regions import fresh
from tests.builders.retailers import retailer

Json = dict[str, Any]

FAULTS = [
    ({"uid": "  "}, "/uid", "required"),
    ({"uid": "x" * 65}, "/uid", "invalid_value"),
    ({"uid": "a\u0000"}, "/uid", "not_admissible_text"),
    ({"name": "\u2003 "}, "/name", "required"),
    ({"name": "x" * 201}, "/name", "invalid_value"),
    ({"name": "two\nlines"}, "/name", "not_admissible_text"),
    ({"phone": "12345"}, "/phone", "not_a_phone"),
    ({"phone": "call me"}, "/phone", "not_a_phone"),
    ({"phone": 1712345678}, "/phone", "invalid_value"),
    ({"points": -1}, "/points", "invalid_value"),
    ({"points": 2**31}, "/points", "invalid_value"),
    ({"points": 10**40}, "/points", "invalid_value"),
    ({"points": 1.5}, "/points", "invalid_value"),
    ({"points": "5"}, "/points", "invalid_value"),
    ({"points": None}, "/points", "invalid_value"),
    ({"notes": "x" * 2001}, "/notes", "invalid_value"),
    ({"notes": "a\u0001"}, "/notes", "not_admissible_text"),
    ({"lat": 90.1, "lng": 0}, "/lat", "invalid_value"),
    ({"lat": 0, "lng": -180.1}, "/lng", "invalid_value"),
    ({"lat": 1}, "/lng", "incomplete_position"),
    ({"lng": 1}, "/lat", "incomplete_position"),
    ({"lat": "1", "lng": "2"}, "/lat", "invalid_value"),
    ({"routes": "Mon"}, "/routes", "invalid_value"),
    ({"routes": ["a", " "]}, "/routes/1", "required"),
    ({"routes": ["a|b"]}, "/routes/0", "not_a_route"),
    ({"routes": ["x" * 65]}, "/routes/0", "too_long"),
    ({"routes": [str(n) for n in range(21)]}, "/routes", "invalid_value"),
    ({"routes": ["a\u0000"]}, "/routes/0", "not_admissible_text"),
    ({"active": "true"}, "/active", "invalid_value"),
    ({"active": 1}, "/active", "invalid_value"),
    ({"territory_id": "nowhere"}, "/territory_id", "invalid_value"),
    ({"territory_id": str(uuid.UUID(int=1))}, "/territory_id", "unknown_reference"),
    ({"distributor_id": str(uuid.UUID(int=1))}, "/distributor_id", "unknown_reference"),
    ({"sr_id": str(uuid.UUID(int=1))}, "/sr_id", "unknown_field"),
    ({"version": 3}, "/version", "unknown_field"),
    ({"lat": 91, "lng": 181, "points": -1, "nonsense": 1}, "/nonsense", "unknown_field"),
]


@pytest.mark.parametrize(("members", "pointer", "code"), FAULTS)
async def test_a_fault_names_its_place_and_changes_nothing(
    admin: httpx.AsyncClient, members: Json, pointer: str, code: str
) -> None:
    made = await retailer(admin)
    whole = {"uid": fresh("R"), "name": "x", "phone": "01712345678", "territory_id": made["territory"]["id"]}
    for answer in (
        await admin.post("/api/v1/retailers", json={**whole, **members}),
        await admin.patch(f"/api/v1/retailers/{made['id']}", json={**members, "name": members.get("name", "New")}),
    ):
        assert answer.status_code == 422, answer.text
        faults = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
        assert faults.get(pointer) == code
        assert all(fault["message"] for fault in answer.json()["errors"])
    assert (await admin.get(f"/api/v1/retailers/{made['id']}")).json() == made


async def test_all_faults_come_at_once(admin: httpx.AsyncClient) -> None:
    made = await retailer(admin)
    of_shape = {"lat": 91, "lng": 181, "points": -1, "nonsense": 1, "name": ""}
    answer = await admin.patch(f"/api/v1/retailers/{made['id']}", json=of_shape)
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {f"/{name}" for name in of_shape}
    of_rules = {"uid": " ", "name": " ", "phone": "1", "routes": ["|"], "lat": 1}
    answer = await admin.patch(f"/api/v1/retailers/{made['id']}", json=of_rules)
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers == {"/uid", "/name", "/phone", "/routes/0", "/lng"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"points": 1e999}'],
)
async def test_a_body_that_is_none_is_refused(admin: httpx.AsyncClient, raw: bytes) -> None:
    made = await retailer(admin)
    answer = await admin.patch(
        f"/api/v1/retailers/{made['id']}", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=nonsense",
        "cursor=%00",
        "q=%00",
        "route=a%00b",
        "q=" + "x" * 201,
        "q=%ff",
        "region_id=1",
        "sr_id=me",
        "assigned=perhaps",
        "active=2",
    ],
)
async def test_a_query_that_cannot_be_read_is_refused(admin: httpx.AsyncClient, query: str) -> None:
    answer = await admin.get(f"/api/v1/retailers?{query}")
    assert answer.status_code == 400 or (query == "q=%ff" and answer.status_code == 200), answer.text


async def test_a_cursor_of_another_list_is_refused(admin: httpx.AsyncClient) -> None:
    one = await retailer(admin)
    await retailer(admin, one["territory"]["id"])
    page = await admin.get("/api/v1/retailers", params={"limit": 1, "territory_id": one["territory"]["id"]})
    answer = await admin.get("/api/v1/regions", params={"cursor": page.json()["next_cursor"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("path", ["nonsense", "00000000", "0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b"])
@pytest.mark.parametrize("rest", ["", "/assignments"])
async def test_an_unknown_id_is_not_found(admin: httpx.AsyncClient, path: str, rest: str) -> None:
    assert (await admin.get(f"/api/v1/retailers/{path}{rest}")).status_code == 404


@pytest.mark.parametrize("on", ["yesterday", "2026-02-30", "2026-03-01T00:00:00Z", "10000-01-01"])
async def test_a_day_that_is_none_is_refused(admin: httpx.AsyncClient, on: str) -> None:
    made = await retailer(admin)
    answer = await admin.get(f"/api/v1/retailers/{made['id']}/assignments", params={"on": on})
    assert answer.status_code == 400, answer.text


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=40))
@example("<script>alert(1)</script>")
@example("́͜͡ combining first")
@example("\ufdfa \u202eright to left\u202c \U0001f469\u200d\U0001f467")
@example("' OR 1=1 --")
@example("\ufeffBOM")
@example("\x7f")
@example("line\u2028separator")
async def test_text_is_stored_as_sent_or_refused(admin: httpx.AsyncClient, text: str) -> None:
    made = await retailer(admin)
    url = f"/api/v1/retailers/{made['id']}"
    for member in ("name", "notes"):
        answer = await admin.patch(url, json={member: text})
        assert answer.status_code in {200, 422}, answer.text
        stored = (await admin.get(url)).json()[member]
        assert stored == (text if answer.status_code == 200 else made[member])
        found = await admin.get("/api/v1/retailers", params={"q": text, "route": text})
        assert found.status_code in {200, 400}

"""Bad bodies get one clear answer that names every fault, and change nothing."""

import json
from typing import Any

import httpx
import pytest

from tests.realdata import folder

URL = "/api/v1/regions"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"code": "A", "name": "B",}', 400),
        (b"\xff\xfe{}", 400),
        (b'{"code": "A", "name": "\xc3\x28"}', 400),
        (b"[" * 100_000, 400),
        (b'{"code": "A", "name": "\\ud800"}', 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"null", 422),
    ],
)
async def test_what_is_no_json_object_is_refused(admin: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await admin.post(URL, content=body, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_every_fault_is_named_at_once(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(URL, json={"code": 5, "colour": "red"})
    assert answer.status_code == 422
    faults = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
    assert faults == {"/colour": "unknown_field", "/code": "invalid_value", "/name": "required"}


async def test_a_fault_is_never_as_long_as_what_was_sent(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(URL, json={"code": "A", "name": "x", "~" * 100_000: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 2000


@pytest.mark.parametrize("value", [5, 5.0, True, None, [], {}, ["A"]])
async def test_nothing_is_coerced(admin: httpx.AsyncClient, value: Any) -> None:
    answer = await admin.post(URL, json={"code": value, "name": "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/code"


async def test_a_nul_byte_is_refused_with_its_place(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(URL, json={"code": "N-1", "name": "a\0b"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"


async def test_a_body_over_the_limit_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(URL, json={"code": "L-1", "name": "x" * (1024 * 1024)})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_another_media_type_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(URL, content=b"code=A", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_type")


@pytest.mark.parametrize("cursor", ["x", "####", "AAAA", "a" * 1999, "%00", "k8K="])
async def test_a_bad_cursor_is_refused(admin: httpx.AsyncClient, cursor: str) -> None:
    answer = await admin.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e1", "1e3", "10.0", "1_0", "+5", "১০", "", "9" * 40])
async def test_a_bad_limit_is_refused(admin: httpx.AsyncClient, limit: str) -> None:
    answer = await admin.get(URL, params={"limit": limit})
    assert answer.status_code == 400, answer.text
    assert "limit" in answer.json()["detail"]


@pytest.mark.parametrize("one", ["nothing", "0", "00000000-0000-0000-0000-00000000000g", "%00", "🛒"])
async def test_an_unreadable_id_is_simply_not_found(admin: httpx.AsyncClient, one: str) -> None:
    answer = await admin.get(f"{URL}/{one}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_every_naughty_string_survives_or_is_refused_clearly(admin: httpx.AsyncClient) -> None:
    strings = json.loads((folder("blns") / "blns.json").read_text(encoding="utf-8"))
    kept = refused = 0
    for number, text in enumerate(strings):
        answer = await admin.post(URL, json={"code": f"BLNS-{number}", "name": text})
        if answer.status_code == 201:
            assert answer.json()["name"] == text
            read = await admin.get(f"{URL}/{answer.json()['id']}")
            assert read.json()["name"] == text
            kept += 1
        else:
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["pointer"] == "/name"
            refused += 1
    assert kept > 400
    assert refused > 0


@pytest.mark.parametrize("path", [URL, "/api/v1/retailers", "/api/v1/jobs", "/api/v1/me"])
async def test_a_mistyped_filter_is_refused_and_not_passed_over(admin: httpx.AsyncClient, path: str) -> None:
    answer = await admin.get(path, params={"regionid": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert answer.json()["errors"][0]["pointer"] == "regionid"


async def test_known_parameters_in_any_order_pass(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/api/v1/retailers?q=x&limit=5&active=true&assigned=false")).status_code == 200
    assert (await admin.get("/api/v1/jobs?state=running&kind=import")).status_code == 200

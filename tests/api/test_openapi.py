"""The OpenAPI document is complete: a client can be generated from it and trusted."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def document(client: httpx.AsyncClient) -> Json:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


async def test_every_operation_has_an_id_of_its_own_and_a_summary(document: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert [call for call, operation in operations(document) if not operation.get("summary")] == []
    assert [call for call, operation in operations(document) if not operation.get("tags")] == []


async def test_every_operation_tells_how_it_refuses(document: Json) -> None:
    for call, operation in operations(document):
        if "/health/live" in call:
            continue
        refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        assert refusals, call
        for status, answer in refusals.items():
            if call == "GET /health/ready":
                continue
            assert "application/problem+json" in answer["content"], (call, status)


async def test_every_example_validates(document: Json) -> None:
    seen = 0
    for call, operation in operations(document):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in contents:
            for media_type, media in content.items():
                if "json" not in media_type or not media.get("schema"):
                    continue
                assert "example" in media or "examples" in media, (call, media_type)
                for example in _examples(media):
                    seen += 1
                    faults = list(_validator(document, media["schema"]).iter_errors(example))
                    assert faults == [], (call, example, [fault.message for fault in faults])
    assert seen > 100


def _examples(media: Json) -> list[Any]:
    return [media["example"]] if "example" in media else [one["value"] for one in media["examples"].values()]


def _validator(document: Json, schema: Json) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


async def test_the_page_of_documentation_uses_only_our_own_files(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text
    for part in page.text.split('"'):
        if part.startswith("/docs/assets/"):
            asset = await client.get(part)
            assert asset.status_code == 200, part
            assert asset.content


async def test_an_unknown_path_and_a_wrong_method_are_problem_documents(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/api/v1/nothing/here")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    wrong = await client.put("/api/v1/auth/login")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")
    assert unknown.headers["x-request-id"] == unknown.json()["request_id"]

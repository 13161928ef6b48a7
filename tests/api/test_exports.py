"""Exports and actions over HTTP: submitted, watched, cancelled, and their files fetched."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.settings import Settings
from tests.api.conftest import Login
from tests.builders.organisations import found
from tests.conftest import Database
from tests.workers.jobs.conftest import PASSWORD, eventually, working
from workers.job_kinds import JOB_KINDS

Json = dict[str, Any]


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[None]:
    async with working(settings, kinds=JOB_KINDS):
        yield


async def posted(admin: httpx.AsyncClient, path: str, body: Json, *, status: int = 202) -> Json:
    answer = await admin.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def ended(admin: httpx.AsyncClient, job: Json) -> Json:
    async def look() -> Json | None:
        now: Json = (await admin.get(job["links"]["self"])).json()
        return now if now["state"] not in {"queued", "running"} else None

    return dict(await eventually(look))


async def fetched(admin: httpx.AsyncClient, job: Json) -> list[dict[str, str]]:
    answer = await admin.get(job["links"]["result"])
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_list_is_exported_and_downloaded_by_admins_of_its_organisation_alone(
    admin: httpx.AsyncClient, sr: httpx.AsyncClient, client: httpx.AsyncClient, login: Login, database: Database,
    worker: None,
) -> None:  # fmt: skip
    del worker
    await posted(admin, "distributors", {"code": "D1", "name": "=Rahman"}, status=201)
    await posted(admin, "distributors", {"code": "D2", "name": "Karim"}, status=201)
    job = (await posted(admin, "exports", {"list": "distributors", "filter": {"q": "rahman"}}))["job"]
    assert (job["kind"], job["subject"]) == ("export", "distributors")
    job = await ended(admin, job)
    assert (job["state"], job["counts"]["rows"], job["counts"]["unchanged"]) == ("succeeded", 1, 1)
    assert (job["links"]["rejects"], job["links"]["undo"]) == (None, None)
    assert await fetched(admin, job) == [{"code": "D1", "name": "'=Rahman"}]
    answer = await admin.get(job["links"]["result"])
    assert 'filename="distributors.csv"' in answer.headers["content-disposition"]
    link = (await admin.get(f"{job['links']['result']}/link")).json()
    assert (await client.get(link["url"])).content == answer.content
    stranger = await login((await found(database, password=PASSWORD)).admin_login)
    for path in (job["links"]["result"], f"{job['links']['result']}/link", job["links"]["self"]):
        assert (await stranger.get(path)).status_code == 404
        assert (await sr.get(path)).status_code == 403
    assert (await sr.post("/api/v1/exports", json={"list": "distributors"})).status_code == 403


async def test_a_workbook_has_the_type_of_one(admin: httpx.AsyncClient, worker: None) -> None:
    del worker
    job = await ended(admin, (await posted(admin, "exports", {"list": "users", "format": "xlsx"}))["job"])
    answer = await admin.get(job["links"]["result"])
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert answer.content.startswith(b"PK")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"list": "jobs"}, "/list"),
        ({"list": "users", "format": "pdf"}, "/format"),
        ({"list": "regions", "filter": {"assigned": True}}, "/filter/assigned"),
        ({"list": "retailers", "filter": {"colour": "red"}}, "/filter"),
    ],
)
async def test_what_cannot_be_exported_is_refused(admin: httpx.AsyncClient, body: Json, pointer: str) -> None:
    problem = await posted(admin, "exports", body, status=422)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


async def test_a_job_without_a_result_offers_none(admin: httpx.AsyncClient) -> None:
    job = (await posted(admin, "exports", {"list": "regions"}))["job"]
    assert job["links"]["result"] is None
    assert (await admin.get(f"{job['links']['self']}/result")).status_code == 404
    cancelled = (await admin.post(f"{job['links']['self']}/cancel")).json()["job"]
    assert (cancelled["state"], cancelled["links"]["result"]) == ("cancelled", None)
    assert (await admin.get(f"/api/v1/jobs/{uuid4()}/result")).status_code == 404


async def test_an_action_cancels_all_that_its_preview_showed_and_another_retries_them(
    login: Login, database: Database, settings: Settings
) -> None:
    admin = await login((await found(database, password=PASSWORD)).admin_login)
    wanted = {"action": "cancel", "filter": {"kind": "export"}}
    submitted = [(await posted(admin, "exports", {"list": "regions"}))["job"] for _ in range(3)]
    kept = (await posted(admin, "exports", {"list": "areas"}))["job"]
    await admin.post(f"{kept['links']['self']}/cancel")
    preview = await posted(admin, "jobs/actions/preview", wanted, status=200)
    assert preview["count"] == 3
    submitted.append((await posted(admin, "exports", {"list": "regions"}))["job"])
    drifted = await posted(admin, "jobs/actions", {**wanted, "expect": preview["expect"]}, status=409)
    assert (drifted["code"], "4 jobs now" in drifted["detail"]) == ("drifted", True)
    assert (await posted(admin, "jobs/actions", wanted, status=422))["errors"][0]["pointer"] == "/expect"
    expect = (await posted(admin, "jobs/actions/preview", wanted, status=200))["expect"]
    action = (await posted(admin, "jobs/actions", {**wanted, "expect": expect}))["job"]
    # Nobody has worked so far: whoever begins now finds the exports and the action side by side.
    await admin.post(f"{submitted.pop()['links']['self']}/cancel")
    async with working(settings, kinds=JOB_KINDS):
        failed = await ended(admin, action)
        assert (failed["state"], failed["error"]["code"]) in {("failed", "drifted"), ("failed", "nothing_to_act_on")}
        jobs = [await ended(admin, job) for job in submitted]
    assert {job["state"] for job in jobs} == {"succeeded"}
    none = await posted(admin, "jobs/actions/preview", wanted, status=422)
    assert none["code"] == "nothing_to_act_on"
    retry = {"action": "retry", "filter": {"kind": "export", "state": "cancelled"}}
    expect = (await posted(admin, "jobs/actions/preview", retry, status=200))["expect"]
    assert expect["count"] == 2
    async with working(settings, kinds=JOB_KINDS):
        done = await ended(admin, (await posted(admin, "jobs/actions", {**retry, "expect": expect}))["job"])
        assert (done["state"], done["counts"]["updated"], done["links"]["undo"]) == ("succeeded", 2, None)
        report = await fetched(admin, done)
        assert {(line["outcome"], line["state_before"]) for line in report} == {("retried", "cancelled")}
        again = [{"links": {"self": f"/api/v1/jobs/{line['job_id']}"}} for line in report]
        assert {(await ended(admin, job))["state"] for job in again} == {"succeeded"}

"""Jobs over HTTP: watched, listed, stopped, taken back, and their rejects fetched."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest

from adapters.files import open_files
from adapters.postgres.engine import open_engine
from adapters.settings import Settings
from commands._run import Runner
from tests.api.conftest import Login
from tests.builders.organisations import Founded, found
from tests.conftest import Database
from tests.workers.jobs.conftest import PASSWORD, Office, eventually, working
from workers.books import LeftToRelay

JOBS = "/api/v1/jobs"
PHONES = {"code": "bad_phone", "column": "phone", "count": 1, "example": "One is no phone.", "example_row": 7}


@pytest.fixture
async def office(database: Database, founded: Founded) -> AsyncIterator[Office]:
    """The office of the organisation that the clients are logged in to."""
    engine = open_engine(database.app_url, application_name="tests")
    owner = await asyncpg.connect(database.owner_url)

    async def nobody() -> None:
        return

    yield Office(Runner(engine, LeftToRelay(), nobody), owner, founded)
    await owner.close()
    await engine.dispose()


async def read(admin: httpx.AsyncClient, job_id: UUID) -> dict[str, Any]:
    answer = await admin.get(f"{JOBS}/{job_id}")
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    counts = job["counts"]
    assert counts["rows"] == sum(counts[name] for name in counts if name != "rows")
    return job


async def ended(admin: httpx.AsyncClient, job_id: UUID) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        job = await read(admin, job_id)
        return job if job["state"] not in {"queued", "running"} else None

    job: dict[str, Any] = await eventually(look)
    return job


async def test_a_job_tells_how_far_it_is_and_its_counts_always_add_up(
    admin: httpx.AsyncClient, office: Office, settings: Settings
) -> None:
    async with working(settings):
        job_id = await office.submit(chunks=5, rows=4, seconds=0.5, rejected=3)

        async def loading() -> dict[str, Any] | None:
            job = await read(admin, job_id)
            return job if job["progress"]["step"] == "load" and job["progress"]["done"] > 3 else None

        job = await eventually(loading)
        assert (job["state"], job["progress"]["total"], job["progress"]["unit"]) == ("running", 23, "rows")
        assert 0 < job["rate_per_s"] < 1000
        assert job["eta_s"] >= 0
        assert job["faults"]["bad_phone"] == 1
        assert PHONES in job["fault_groups"]
        job = await ended(admin, job_id)
    assert job["counts"] == {
        "rows": 23, "created": 20, "updated": 0, "unchanged": 0, "rejected": 3, "not_loaded": 0,
    }  # fmt: skip
    assert job["progress"] == {"done": 23, "total": 23, "unit": "rows", "step": "ended"}
    assert (job["faults"], job["warnings"]) == ({"late": 5, "bad_phone": 1}, ["so so"])
    assert job["fault_groups"] == [
        {"code": "late", "column": "", "count": 5, "example": "", "example_row": None},
        PHONES,
    ]
    assert job["links"]["undo"] == f"{JOBS}/{job_id}/undo"
    assert job["waiting_for"] is None


async def test_a_job_that_nobody_works_on_says_so(admin: httpx.AsyncClient, office: Office) -> None:
    job = await read(admin, await office.submit())
    assert (job["state"], job["waiting_for"]) == ("queued", "no worker is alive")
    answer = await admin.post(f"{job['links']['self']}/cancel")
    assert (answer.status_code, answer.json()["job"]["state"]) == (202, "cancelled")


async def test_events_tell_of_every_change_and_end_with_the_job(
    admin: httpx.AsyncClient, office: Office, settings: Settings
) -> None:
    async with working(settings):
        job_id = await office.submit(chunks=4, seconds=0.5)
        answer = await asyncio.wait_for(admin.get(f"{JOBS}/{job_id}/events"), 20)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event for event in answer.text.split("\r\n\r\n") if "data:" in event]
    assert len(events) > 2
    assert [("event: ended" in event) for event in events] == [False] * (len(events) - 1) + [True]
    last = msgspec.json.decode(events[-1].partition("data: ")[2].splitlines()[0])
    assert (last["state"], last["counts"]["created"]) == ("succeeded", 8)


async def test_events_end_with_the_session_of_whoever_watches(login: Login, founded: Founded, office: Office) -> None:
    watcher = await login(founded.admin_login)
    job_id = await office.submit()
    await read(watcher, job_id)  # the session is known to be good, so that the stream begins before the logout ends it
    watching = asyncio.create_task(watcher.get(f"{JOBS}/{job_id}/events"))
    assert (await watcher.post("/api/v1/auth/logout")).status_code == 204
    answer = await asyncio.wait_for(watching, 5)
    assert answer.status_code == 200
    assert "event: ended" not in answer.text
    assert (await watcher.get(f"{JOBS}/{job_id}/events")).status_code == 401


async def test_lists_are_newest_first_and_filtered(
    admin: httpx.AsyncClient, office: Office, settings: Settings
) -> None:
    async with working(settings):
        job_ids = [str(await office.submit(chunks=1)) for _ in range(3)]
        for job_id in job_ids:
            await ended(admin, UUID(job_id))
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": "2", "state": "succeeded", "kind": "import"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get(JOBS, params=params)).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen[:3] == job_ids[::-1]
    assert len(seen) == len(set(seen))
    for params in ({"state": "asleep"}, {"kind": "pigeons"}):
        assert (await admin.get(JOBS, params=params)).status_code == 422


async def test_rejects_are_downloaded_and_linked_for_whoever_has_the_link(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, office: Office, settings: Settings
) -> None:
    async with working(settings):
        job_id, clean_id = await office.submit(rejected=2), await office.submit()
        job, clean = await ended(admin, job_id), await ended(admin, clean_id)
    content = "uid,name\nআশা,x\n".encode()
    source = settings.home / "rejects.csv"
    source.write_bytes(content)
    await open_files(settings.storage_url).put_file(f"{job_id}/rejects.csv", source)
    answer = await admin.get(job["links"]["rejects"])
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    link = (await admin.get(f"{job['links']['rejects']}/link")).json()
    assert (await client.get(link["url"])).content == content
    for broken in (link["url"][:-2], link["url"].replace("downloads/", "downloads/A"), "/api/v1/downloads/%20"):
        assert (await client.get(broken)).status_code == 404
    assert clean["links"]["rejects"] is None
    assert (await admin.get(f"{JOBS}/{clean_id}/rejects")).status_code == 404


async def test_cancel_retry_and_undo_refuse_what_makes_no_sense(
    admin: httpx.AsyncClient, office: Office, settings: Settings
) -> None:
    async with working(settings):
        job_id = await office.submit(seconds=0.5, chunks=1)
        await office.working(job_id)
        here = f"{JOBS}/{job_id}"
        assert (await admin.post(f"{here}/retry")).json()["code"] == "job_not_retryable"
        assert (await admin.post(f"{here}/undo")).json()["code"] == "job_not_undoable"
        assert (await admin.post(f"{here}/cancel", params={"on_cancel": "perhaps"})).status_code == 422
        await ended(admin, job_id)
        answer = await admin.post(f"{here}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "job_has_ended")
        answer = await admin.post(f"{here}/undo")
        assert answer.status_code == 202
        undo = await ended(admin, UUID(answer.json()["job"]["id"]))
        assert (undo["kind"], undo["undo_of"]) == ("undo", str(job_id))
        assert answer.headers["location"] == undo["links"]["self"]
        assert (await read(admin, job_id))["state"] == "undone"


async def test_nobody_else_sees_a_job(
    admin: httpx.AsyncClient, sr: httpx.AsyncClient, office: Office, login: Any, database: Database
) -> None:
    job_id = await office.submit()
    other = await login((await found(database, password=PASSWORD)).admin_login)
    for one in (job_id, uuid4()):
        client = other if one == job_id else admin
        for path in ("", "/events", "/rejects", "/rejects/link"):
            assert (await client.get(f"{JOBS}/{one}{path}")).status_code == 404
        for action in ("cancel", "retry", "undo"):
            assert (await client.post(f"{JOBS}/{one}/{action}")).status_code == 404
    assert (await sr.get(f"{JOBS}/{job_id}")).status_code == 403
    assert (await other.get(JOBS)).json()["items"] == []
    await admin.post(f"{JOBS}/{job_id}/cancel")

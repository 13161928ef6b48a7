"""Taking back, an SR's own change and reading go right although a process dies, or Redis forgets, on the way."""

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import pytest
from redis import Redis

from tests.faults.bulk_work import IN_LOAD, Moment, Organisation, shops
from tests.people import Json, Person
from tests.stack import Stack, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

HELD = 5_000
SRS = 10
TAKING_BACK = Moment("load")
ENDED = {"succeeded", "failed", "cancelled", "undone"}


def open_organisation(stack: Stack, code: str) -> Organisation:
    """An organisation whose retailers are held by SRs."""
    organisation = Organisation(stack, code, srs=SRS)
    organisation.admin.finished(organisation.admin.upload("retailers", shops(HELD)))
    organisation.admin.finished(organisation.assign_all())
    return organisation


def kill_worker_of(organisation: Organisation, job: Json, moment: Moment) -> None:
    victim = organisation.stack.named(organisation.ledger.pid_at(job, moment))
    organisation.stack.kill(victim)
    organisation.stack.restart(victim)


def test_an_undo_whose_worker_dies_takes_everything_back_once(stack: Stack) -> None:
    organisation = open_organisation(stack, "undone")
    admin = organisation.admin
    before = organisation.holdings().seen()
    imported = admin.finished(admin.upload("retailers", shops(40_000, name="Renamed")))
    assert organisation.holdings().seen() != before
    undo = admin.post(f"/jobs/{imported['id']}/undo", {}, status=202)["job"]
    kill_worker_of(organisation, undo, TAKING_BACK)
    counts = admin.finished(undo)["counts"]
    assert counts["updated"] == counts["rows"] == imported["counts"]["created"] + imported["counts"]["updated"]
    assert admin.get(f"/jobs/{imported['id']}")["state"] == "undone"
    assert organisation.holdings().seen() == before
    organisation.assert_no_book_is_stale()


def test_a_cancelled_import_is_reverted_although_its_workers_die(stack: Stack) -> None:
    organisation = open_organisation(stack, "reverted")
    admin = organisation.admin
    before = organisation.holdings().seen()
    imported = admin.upload("retailers", shops(100_000, name="Renamed"))
    victim = stack.named(organisation.ledger.pid_at(imported, IN_LOAD))
    admin.request("POST", f"/jobs/{imported['id']}/cancel", status=202, params={"on_cancel": "revert"})
    stack.kill(victim)
    stack.restart(victim)

    def reverting() -> str | None:
        undone_by: str | None = admin.get(f"/jobs/{imported['id']}")["undone_by"]
        return undone_by

    undo = {"id": until(reverting, what="the undo of a cancelled import", seconds=60)}
    kill_worker_of(organisation, undo, TAKING_BACK)
    counts = admin.finished(undo)["counts"]
    job = admin.finished(imported, state="undone")["counts"]
    assert counts["updated"] == job["created"] + job["updated"] > 0
    assert job["not_loaded"] > 0
    assert organisation.holdings().seen() == before
    organisation.assert_no_book_is_stale()


def test_an_srs_change_whose_api_dies_before_rendering_is_rendered_by_the_relay(stack: Stack) -> None:
    organisation = open_organisation(stack, "unrendered")
    sr = organisation.sr()
    shop = sr.get("/sr/retailers", limit=1)["items"][0]
    query = "SELECT version FROM retailers WHERE id = $1"
    first = organisation.ledger.value(query, uuid.UUID(shop["id"]))

    def change() -> None:
        with pytest.raises(httpx.TransportError):
            sr.send("PATCH", f"/sr/retailers/{shop['id']}", json={"points": 77_777})

    changing = threading.Thread(target=change)
    with nobody_renders(organisation):
        changing.start()
        until(
            lambda: organisation.ledger.value(query, uuid.UUID(shop["id"])) > first, what="the change to be committed"
        )
        stack.kill("api")
        changing.join(10)
    document = "SELECT doc FROM book_entries WHERE retailer_id = $1 AND present"
    # Nobody reads or writes meanwhile, and there is no API to do it.
    until(lambda: "77777" in organisation.ledger.value(document, uuid.UUID(shop["id"])), what="the relay to render")
    stack.restart("api")
    assert sr.get(f"/sr/retailers/{shop['id']}")["points"] == 77_777
    organisation.assert_no_book_is_stale()


@contextmanager
def nobody_renders(organisation: Organisation) -> Iterator[None]:
    """Holds the organisation's books locked, so that what commits meanwhile waits for its rendering."""
    locked, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(organisation.stack.servers.database_url)
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM books WHERE tenant_id = $1 FOR UPDATE", organisation.tenant_id)
            locked.set()
            await asyncio.to_thread(done.wait, 60)
        await connection.close()

    holder = threading.Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert locked.wait(10)
        yield
    finally:
        done.set()
        holder.join(10)


def test_reads_stay_right_and_queued_jobs_run_while_redis_forgets_everything(stack: Stack) -> None:
    organisation = open_organisation(stack, "forgetful")
    admin, sr = organisation.admin, organisation.sr()
    held = read(sr)
    jobs = [admin.upload("retailers", shops(20_000, key=key)) for key in "VWX"]
    redis = Redis.from_url(stack.servers.redis_url)
    flushes = 0
    while not all(admin.get(f"/jobs/{job['id']}")["state"] in ENDED for job in jobs):
        redis.flushall()
        flushes += 1
        assert read(sr) == held
        time.sleep(0.3)  # how often Redis forgets, not a wait for anything
        assert flushes < 300, "jobs do not get on"
    redis.close()
    assert flushes > 3
    for job in jobs:
        assert admin.finished(job)["counts"]["created"] == 19_780
    assert read(sr) == held
    organisation.assert_no_book_is_stale()


def read(sr: Person) -> dict[str, str]:
    return {shop["uid"]: shop["name"] for shop in sr.every("/sr/retailers")}

"""What is due goes, what is not due stays, whoever else is at it and however often it is interrupted."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from adapters.files import open_files
from adapters.postgres.transaction import transaction
from adapters.settings import Settings
from commands.jobs.resend_deliveries import ResendDeliveries, resend_deliveries
from domain.shared.actor import RELAY
from tests.builders.jobs import KINDS
from tests.builders.old_rows import Attic
from tests.workers.jobs.conftest import Office
from workers import retention
from workers.machinery import Machinery
from workers.main import open_machinery
from workers.retention import clear_storage, tidy
from workers.schedule import SCHEDULE

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERYTHING = {"upload", "rejects", "work", "images"}

MakeAttic = Callable[[], Awaitable[Attic]]


@pytest.fixture
async def machinery(settings: Settings) -> AsyncIterator[Machinery]:
    async with open_machinery(settings, asyncio.Event(), concurrency=1, kinds=KINDS) as opened:
        yield opened


@pytest.fixture
def attics(
    offices: Callable[[], Awaitable[Office]], owner: asyncpg.Connection, settings: Settings, tmp_path: Path
) -> MakeAttic:
    async def make() -> Attic:
        return Attic(owner, (await offices()).founded, open_files(settings.storage_url), tmp_path)

    return make


def test_every_worker_does_it_by_the_clock() -> None:
    assert {tidy, clear_storage} <= {one.do for one in SCHEDULE}


async def test_rows_go_when_they_are_due_and_no_sooner(
    attics: MakeAttic, machinery: Machinery, owner: asyncpg.Connection
) -> None:
    expected: dict[Any, bool] = {}
    for attic in (await attics(), await attics()):
        for age, goes in ((DAY, False), (30 * DAY - MINUTE, False), (30 * DAY + MINUTE, True), (400 * DAY, True)):
            expected[await attic.key(age)] = goes
            expected[await attic.session(expired=age, ended=None)] = goes
            expected[await attic.session(expired=-DAY, ended=age)] = goes
            expected[await attic.session(expired=timedelta(0), ended=age)] = goes
        expected[await attic.session(expired=-DAY, ended=None)] = False
        for age, goes in ((180 * DAY - MINUTE, False), (180 * DAY + MINUTE, True)):
            expected[await attic.pushed_change(age)] = goes
            expected[await attic.sync_reject(age)] = goes
        for age, goes in ((7 * DAY - MINUTE, False), (7 * DAY + MINUTE, True), (100 * DAY, True)):
            for states in ((), ("done",), ("done", "done")):
                expected[await attic.event(age, *states)] = goes
            expected[await attic.event(age, "done", touches=True, rendered=True)] = goes
            expected[await attic.event(age, "done", touches=True)] = False
            expected[await attic.event(age, relayed=False)] = False
            expected[await attic.event(age, "done", "pending")] = False
        for age, goes in ((90 * DAY - MINUTE, False), (90 * DAY + MINUTE, True)):
            expected[await attic.event(age, "dead", "done")] = goes
            expected[await attic.event(age, "dead", "pending")] = False
        for age, goes in ((DAY - MINUTE, False), (DAY + MINUTE, True)):
            expected[await attic.worker(age)] = goes
    await tidy(machinery)
    left = await owner.fetchval(
        "SELECT array_agg(one) FROM (SELECT key FROM idempotency_keys UNION SELECT id::text FROM sessions"
        " UNION SELECT id::text FROM outbox UNION SELECT id::text FROM workers"
        " UNION SELECT id::text FROM pushed_changes UNION SELECT id::text FROM sync_rejects) AS all_of_them (one)"
    )
    assert {one: str(one) not in left for one in expected} == expected
    orphans = "SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.id = d.event_id)"
    assert await owner.fetchval(orphans) == 0


async def test_a_dead_letter_that_somebody_sends_again_is_delivered_however_old_it_is(
    offices: Callable[[], Awaitable[Office]], machinery: Machinery, owner: asyncpg.Connection
) -> None:
    office = await offices()
    attic = Attic(owner, office.founded, machinery.files, Path())
    event_id = await attic.event(100 * DAY, "dead")
    assert await office.run(resend_deliveries, ResendDeliveries(event_id=event_id)) == 1
    await tidy(machinery)
    assert await owner.fetchval("SELECT state FROM deliveries WHERE event_id = $1", event_id) == "pending"


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "undone"])
@pytest.mark.parametrize(
    ("age", "stays"),
    [
        (DAY, EVERYTHING),
        (7 * DAY + HOUR - MINUTE, EVERYTHING),
        (7 * DAY + HOUR + MINUTE, EVERYTHING - {"work"}),
        (90 * DAY + HOUR - MINUTE, EVERYTHING - {"work"}),
        (90 * DAY + HOUR + MINUTE, set()),
    ],
)
async def test_what_an_ended_job_left_behind_goes_in_its_time(
    attics: MakeAttic, machinery: Machinery, state: str, age: timedelta, stays: set[str]
) -> None:
    attic = await attics()
    job = await attic.job(state, age)
    await tidy(machinery)
    assert await attic.left(job) == stays
    row = await attic.owner.fetchrow("SELECT * FROM jobs WHERE id = $1", job.id)
    for column in ("upload_key", "rejects_key", "before_images_until"):
        assert (row[column] is None) == (stays == set())
    assert (row["work_files_kept"], row["results_kept"]) == ("work" in stays, bool(stays))


@pytest.mark.parametrize(
    ("age", "chunks", "jobs"),
    [(89 * DAY, 3, 1), (91 * DAY, 0, 1), (400 * DAY - MINUTE, 0, 1), (400 * DAY + MINUTE, 0, 0)],
)
async def test_an_ended_job_goes_itself_in_the_end(
    attics: MakeAttic, machinery: Machinery, monkeypatch: pytest.MonkeyPatch, age: timedelta, chunks: int, jobs: int
) -> None:
    monkeypatch.setattr(retention, "IMAGES_AT_ONCE", 2)
    attic = await attics()
    job = await attic.job("succeeded", age)
    await attic.owner.execute(
        "INSERT INTO chunks (tenant_id, job_id, number, step, state) SELECT $1, $2, n, 'load', 'done'"
        " FROM generate_series(1000, 1002) n",
        job.tenant_id,
        job.id,
    )
    await attic.owner.execute("DELETE FROM chunks WHERE job_id = $1 AND number < 1000", job.id)
    await tidy(machinery)
    assert await attic.owner.fetchval("SELECT count(*) FROM chunks WHERE job_id = $1", job.id) == chunks
    assert await attic.owner.fetchval("SELECT count(*) FROM jobs WHERE id = $1", job.id) == jobs


async def test_what_killed_processes_have_left_in_the_storage_goes(
    attics: MakeAttic, machinery: Machinery, settings: Settings
) -> None:
    attic = await attics()
    job = await attic.job("succeeded", DAY)
    folder = Path(settings.storage_url.removeprefix("file://")) / "imports" / str(job.tenant_id)
    of_job, orphan, fresh = (folder / str(one) / "upload" for one in (job.id, uuid.uuid4(), uuid.uuid4()))
    begun, begun_now = orphan.with_name("upload#1"), fresh.with_name("upload#1")
    for path in (of_job, orphan, fresh, begun, begun_now):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    three_days_ago = time.time() - 3 * 86_400
    for path in (of_job, orphan, begun):
        os.utime(path, (three_days_ago, three_days_ago))
    await clear_storage(machinery)
    paths = (of_job, orphan, fresh, begun, begun_now)
    assert [path.exists() for path in paths] == [True, False, True, False, True]


@pytest.mark.parametrize("state", ["queued", "running"])
async def test_an_open_job_keeps_everything_and_so_does_the_job_that_it_undoes(
    attics: MakeAttic, machinery: Machinery, state: str
) -> None:
    attic = await attics()
    undone = await attic.job("succeeded", 100 * DAY)
    undo = await attic.job(state, None, undo_of=undone.id)
    await tidy(machinery)
    assert await attic.left(undo) == EVERYTHING
    assert await attic.left(undone) == EVERYTHING - {"work"}
    await attic.owner.execute("UPDATE jobs SET state = 'succeeded', finished_at = now() WHERE id = $1", undo.id)
    await tidy(machinery)
    assert (await attic.left(undo), await attic.left(undone)) == (EVERYTHING, set())


async def test_a_job_that_somebody_has_locked_keeps_its_before_images(attics: MakeAttic, machinery: Machinery) -> None:
    attic = await attics()
    job = await attic.job("succeeded", 100 * DAY)
    async with attic.owner.transaction():
        await attic.owner.execute("SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE", job.id)
        await tidy(machinery)
        assert await attic.left(job) == EVERYTHING - {"work"}
    await tidy(machinery)
    assert await attic.left(job) == set()


async def test_what_was_interrupted_goes_on(
    attics: MakeAttic, machinery: Machinery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "IMAGES_AT_ONCE", 2)
    monkeypatch.setattr(retention, "JOBS_AT_ONCE", 1)
    attic = await attics()
    jobs = [await attic.job("failed", 100 * DAY, images=5) for _ in range(3)]
    stuck = jobs[0]
    delete_folder = machinery.files.delete_folder

    async def fails(prefix: str) -> None:
        if str(stuck.id) in prefix and not prefix.endswith("work"):
            message = "the storage is away"
            raise OSError(message)
        await delete_folder(prefix)

    with monkeypatch.context() as broken:
        broken.setattr(machinery.files, "delete_folder", fails)
        await tidy(machinery)
    assert await attic.owner.fetchval("SELECT results_kept FROM jobs WHERE id = $1", stuck.id)
    assert [await attic.left(job) for job in jobs[1:]] == [set(), set()]
    await tidy(machinery)
    assert not await attic.owner.fetchval("SELECT results_kept FROM jobs WHERE id = $1", stuck.id)


async def test_nothing_is_begun_once_the_process_is_told_to_stop(attics: MakeAttic, machinery: Machinery) -> None:
    attic = await attics()
    job, key = await attic.job("failed", 100 * DAY), await attic.key(31 * DAY)
    machinery.stop.set()
    await tidy(machinery)
    assert await attic.left(job) == EVERYTHING
    assert await attic.owner.fetchval("SELECT count(*) FROM idempotency_keys WHERE key = $1", key) == 1
    machinery.stop.clear()
    await tidy(machinery)
    assert await attic.left(job) == set()
    assert await attic.owner.fetchval("SELECT count(*) FROM idempotency_keys WHERE key = $1", key) == 0


async def test_several_at_once_delete_everything_once_in_batches(
    attics: MakeAttic, machinery: Machinery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(retention, "IMAGES_AT_ONCE", 2)
    attic = await attics()
    young = await attic.key(DAY)
    for _ in range(10):
        await attic.key(31 * DAY)
        await attic.event(8 * DAY, "done")
    jobs = [await attic.job("succeeded", 100 * DAY, images=7) for _ in range(4)]
    await asyncio.gather(*(tidy(machinery) for _ in range(4)))
    mine = attic.founded.tenant_id
    assert [
        row["key"] for row in await attic.owner.fetch("SELECT key FROM idempotency_keys WHERE tenant_id = $1", mine)
    ] == [young]
    assert await attic.owner.fetchval("SELECT count(*) FROM outbox WHERE tenant_id = $1", mine) == 0
    assert [await attic.left(job) for job in jobs] == [set()] * 4


async def test_the_relay_is_shown_only_what_may_go_and_not_what_stands_in_it(
    attics: MakeAttic, machinery: Machinery
) -> None:
    attic = await attics()
    young = await attic.key(29 * DAY)
    known, rejected = await attic.pushed_change(179 * DAY), await attic.sync_reject(179 * DAY)
    open_session = await attic.session(expired=-DAY, ended=None)
    for statement in (
        "SELECT result FROM idempotency_keys",
        "SELECT user_id FROM sessions",
        "SELECT 1 FROM before_images",
        "SELECT status FROM pushed_changes",
        "SELECT fields FROM sync_rejects",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with transaction(machinery.engine, RELAY) as tx:
                await tx.conn.execute(sa.text(statement))
    async with transaction(machinery.engine, RELAY) as tx:
        for table in ("idempotency_keys", "sessions", "pushed_changes", "sync_rejects"):
            await tx.conn.execute(sa.text(f"DELETE FROM {table}"))
    assert await attic.owner.fetchval("SELECT count(*) FROM idempotency_keys WHERE key = $1", young) == 1
    assert await attic.owner.fetchval("SELECT count(*) FROM sessions WHERE id = $1", open_session) == 1
    assert await attic.owner.fetchval("SELECT count(*) FROM pushed_changes WHERE id = $1", known) == 1
    assert await attic.owner.fetchval("SELECT count(*) FROM sync_rejects WHERE id = $1", rejected) == 1

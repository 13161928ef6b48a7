"""What dies, is forgotten or comes twice changes nothing about the rows: each is loaded once, and the counts add up."""

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import transaction
from adapters.settings import Settings
from commands.jobs.cancel_job import CancelJob, cancel_job
from domain.shared.actor import worker_actor
from tests.workers.jobs.conftest import Office, eventually, relay_alone, working
from workers.jobs.run import run_chunk
from workers.jobs.work import Chunk, LeaseLost, Work
from workers.machinery import Machinery

Start = Callable[[], subprocess.Popen[bytes]]


async def time_passes(office: Office, job_id: UUID) -> None:
    """Leases run out without anybody waiting 15 s."""
    await office.owner.execute("UPDATE leases SET lease_until = now() - interval '1 s' WHERE job_id = $1", job_id)


async def test_a_killed_worker_is_replaced_and_no_row_is_lost_or_doubled(
    office: Office, settings: Settings, processes: Start
) -> None:
    victim = processes()
    job_id = await office.submit(chunks=6, rows=3, seconds=0.3, die=[2])
    async with relay_alone(settings):
        assert await asyncio.to_thread(victim.wait, 30) == -signal.SIGKILL
    async with working(settings):
        await time_passes(office, job_id)
        job = await office.ended(job_id)
    assert (job["state"], job["created"], await office.regions()) == ("succeeded", 18, 18)
    died = (await office.chunks(job_id))[2]
    assert (died["attempt"], died["failures"]) == (2, 1)


async def test_a_cancelled_job_ends_although_a_worker_dies_with_a_part_of_it(
    office: Office, settings: Settings, processes: Start
) -> None:
    victim = processes()
    job_id = await office.submit(chunks=2, seconds=30)
    async with relay_alone(settings):
        await office.working(job_id)
    victim.kill()
    await asyncio.to_thread(victim.wait, 10)
    await office.run(cancel_job, CancelJob(job_id=job_id))
    async with working(settings):

        async def decided() -> bool:
            return bool((await office.job(job_id))["ending"] == "cancelled")

        await eventually(decided)
        await time_passes(office, job_id)
        job = await office.ended(job_id, within=15)
    assert (job["state"], job["created"], job["not_loaded"]) == ("cancelled", 0, 4)


async def test_sigterm_gives_chunks_back_without_burning_a_try(
    office: Office, settings: Settings, processes: Start
) -> None:
    first = processes()
    job_id = await office.submit(chunks=2, seconds=2)
    async with relay_alone(settings):
        await office.working(job_id)
    first.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait, 10) == 0
    chunks = await office.chunks(job_id)
    assert {(chunk["state"], chunk["failures"]) for chunk in chunks[1:]} == {("queued", 0)}
    assert await office.owner.fetchval("SELECT count(*) FROM workers WHERE pid = $1", first.pid) == 0
    async with working(settings):
        assert (await office.ended(job_id))["created"] == 4


async def test_a_slow_worker_that_was_replaced_writes_nothing(office: Office, settings: Settings) -> None:
    async with working(settings) as machinery:
        job_id = await office.submit(chunks=2, rows=2, split_seconds=1.5)
        await office.working(job_id, step="split")
        assert await take_away(office, machinery, job_id) == 1
        job = await office.ended(job_id)
    split, *loads = await office.chunks(job_id)
    assert split["attempt"] == 2
    assert [chunk["step"] for chunk in loads] == ["load", "load", "finish"]
    assert (job["created"], await office.regions()) == (4, 4)


async def test_only_the_newest_attempt_gets_a_transaction(office: Office, settings: Settings, tmp_path: Path) -> None:
    async with working(settings) as machinery:
        job_id = await office.submit(split_seconds=1)
        await office.working(job_id, step="split")
        async with transaction(machinery.engine, worker_actor(office.tenant_id)) as tx:
            job = await job_store.get(tx, job_id)
        chunk = Chunk(number=0, step="split", attempt=0, rows=0, params={})

        async def nobody(_done: int, _total: int | None, _unit: str | None) -> None:
            return

        late = Work(
            job=job, chunk=chunk, engine=machinery.engine, files=machinery.files, scratch=tmp_path, reporter=nobody
        )
        with pytest.raises(LeaseLost):
            async with late.fenced():
                pytest.fail("a stale attempt got a transaction")
        await office.ended(job_id)


async def test_a_chunk_is_not_taken_away_while_its_transaction_is_open(office: Office, settings: Settings) -> None:
    async with working(settings) as machinery:
        job_id = await office.submit(chunks=1, rows=2, seconds=1)
        await office.working(job_id)

        async def inside() -> bool:
            # Somebody holds the row: another lock on it is not to be had.
            free = "SELECT number FROM chunks WHERE job_id = $1 AND number = 1 FOR NO KEY UPDATE SKIP LOCKED"
            return await office.owner.fetchval(free, job_id) is None

        await eventually(inside)
        assert await take_away(office, machinery, job_id) == 0
        job = await office.ended(job_id)
    assert (job["created"], await office.regions()) == (2, 2)
    assert [chunk["attempt"] for chunk in await office.chunks(job_id)] == [1, 1, 1]


async def take_away(office: Office, machinery: Machinery, job_id: UUID) -> int:
    """Leases run out, and the sweeper looks before any heart beats again."""
    lapse = sa.text("UPDATE leases SET lease_until = now() - interval '1 s' WHERE job_id = :job_id")
    async with transaction(machinery.engine, worker_actor(office.tenant_id)) as tx:
        await tx.conn.execute(lapse, {"job_id": job_id})
        return await chunk_store.expire(tx, job_id)


async def test_a_chunk_that_nobody_holds_is_claimed_once(office: Office, settings: Settings) -> None:
    async with working(settings) as machinery:
        job_id = await office.submit(chunks=1, rows=2, seconds=0.5)
        await office.working(job_id)
        await asyncio.gather(*(run_chunk(machinery, office.tenant_id, job_id, 1) for _ in range(5)))
        await office.ended(job_id)
    assert [chunk["attempt"] for chunk in await office.chunks(job_id)][1] == 1


async def test_a_chunk_whose_workers_keep_dying_fails_the_job(office: Office, settings: Settings) -> None:
    async with working(settings) as machinery:
        job_id = await office.submit(chunks=1, split_seconds=60)
        for _ in range(5):
            await office.working(job_id, step="split")
            assert await take_away(office, machinery, job_id) == 1
        job = await office.ended(job_id)
    assert job["state"] == "failed"
    assert '"worker_lost"' in job["error"]
    assert await office.regions() == 0


async def test_a_flushed_redis_forgets_no_job(office: Office, settings: Settings, redis_url: str) -> None:
    async with working(settings):
        job_id = await office.submit(chunks=12, rows=2, seconds=0.3)
        await office.working(job_id)
        client = Redis.from_url(redis_url)
        for _ in range(3):
            await client.flushall()
            await asyncio.sleep(0.3)
        await client.aclose()
        job = await office.ended(job_id)
    assert (job["state"], job["created"], await office.regions()) == ("succeeded", 24, 24)


async def test_two_workers_share_a_job(office: Office, settings: Settings) -> None:
    async with working(settings, at_once=1) as first, working(settings, at_once=1) as second:
        job_id = await office.submit(chunks=8, seconds=0.4)
        holders: set[UUID] = set()

        async def seen_both() -> bool:
            rows = await office.owner.fetch("SELECT DISTINCT worker_id FROM leases WHERE job_id = $1", job_id)
            holders.update(row["worker_id"] for row in rows)
            return holders == {first.worker_id, second.worker_id}

        await eventually(seen_both)
        assert (await office.ended(job_id))["created"] == 16


async def test_a_small_job_does_not_wait_for_a_large_one_of_somebody_else(
    offices: Callable[[], Awaitable[Office]], settings: Settings
) -> None:
    large, small = await offices(), await offices()
    async with working(settings):
        long = await large.submit(chunks=40, rows=1, seconds=0.2)
        await large.working(long)
        await small.ended(await small.submit(chunks=1), within=10)
        assert (await large.job(long))["state"] == "running"
        await large.ended(long)

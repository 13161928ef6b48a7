"""Organisations share the workers: who asks for little never waits behind those who have queued much."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest

from adapters.postgres.stores import turns
from adapters.postgres.transaction import transaction
from adapters.settings import Settings
from commands.jobs.cancel_job import CancelJob, cancel_job
from domain.jobs import CHUNKS_AT_ONCE, MAX_OPEN, RUNNING_AT_ONCE, TooManyJobs, room_for_jobs
from domain.shared.actor import RELAY
from tests.builders.jobs import KINDS
from tests.workers.jobs.conftest import Office, eventually, working
from workers.machinery import Machinery
from workers.main import open_machinery

Offices = Callable[[], Awaitable[Office]]


async def next_chunk(machinery: Machinery) -> turns.Turn | None:
    async with transaction(machinery.engine, RELAY) as tx:
        return await turns.next_chunk(tx, at_once=CHUNKS_AT_ONCE)


async def chunk(owner: asyncpg.Connection, office: Office, job_id: UUID, number: int, state: str) -> None:
    """A chunk of a job; one that runs is held by somebody, one that is done has taken ten seconds just now."""
    await owner.execute(
        "INSERT INTO chunks (tenant_id, job_id, number, step, state, attempt, started_at, finished_at) VALUES"
        " ($1, $2, $3, 'load', $4, 1, now() - interval '10 s', CASE WHEN $4 = 'done' THEN now() END)",
        office.tenant_id, job_id, number, state,
    )  # fmt: skip
    if state == "running":
        await owner.execute(
            "INSERT INTO leases (tenant_id, job_id, number, attempt, worker_id, lease_until)"
            " VALUES ($1, $2, $3, 1, $2, now() + interval '1 h')",
            office.tenant_id, job_id, number,
        )  # fmt: skip


async def running(owner: asyncpg.Connection, office: Office, *states: str) -> UUID:
    """A job that runs, with chunks in these states."""
    job_id = await office.submit()
    await owner.execute("UPDATE jobs SET state = 'running', phase = 'load' WHERE id = $1", job_id)
    for number, state in enumerate(states, start=100):
        await chunk(owner, office, job_id, number, state)
    return job_id


@pytest.mark.parametrize(
    ("busy_states", "idle_states"),
    [
        # Fewer with workers comes first, however much it has used; then whoever has used less; then whoever is older.
        (("running", "running", "queued"), ("running", "done", "queued")),
        (("running", "done", "queued"), ("running", "queued")),
        (("done", "done", "queued"), ("done", "queued")),
    ],
)
async def test_the_organisation_that_has_least_of_the_workers_is_next(
    offices: Offices, owner: asyncpg.Connection, settings: Settings, busy_states: list[str], idle_states: list[str]
) -> None:
    busy, idle = await offices(), await offices()
    await owner.execute("UPDATE jobs SET state = 'failed' WHERE state IN ('queued', 'running')")
    first = await running(owner, busy, *busy_states)
    second = await running(owner, idle, *idle_states)
    try:
        async with open_machinery(settings, asyncio.Event(), concurrency=1, kinds=KINDS) as machinery:
            turn = await next_chunk(machinery)
            assert turn is not None
            assert (turn.tenant_id, turn.job_id) == (idle.tenant_id, second)
    finally:
        await owner.execute("DELETE FROM leases")
        await owner.execute("UPDATE jobs SET state = 'failed' WHERE id = ANY ($1)", [first, second])


async def test_a_small_job_overtakes_all_that_another_organisation_has_queued(
    offices: Offices, owner: asyncpg.Connection, settings: Settings
) -> None:
    big, small = await offices(), await offices()
    async with working(settings, at_once=2):
        for _ in range(RUNNING_AT_ONCE):
            await big.submit(chunks=12, seconds=0.5)
        count = "SELECT count(*) FROM chunks WHERE tenant_id = $1 AND step = 'load' AND state = 'done'"
        await eventually(lambda: owner.fetchval(count, big.tenant_id))
        before = await owner.fetchval(count, big.tenant_id)
        await small.ended(await small.submit(chunks=1))
        meanwhile = await owner.fetchval(count, big.tenant_id) - before
        await owner.execute("UPDATE jobs SET cancel_requested_at = now() WHERE state = 'running'")
        for job in await owner.fetch("SELECT id FROM jobs WHERE tenant_id = $1", big.tenant_id):
            await big.ended(job["id"])
    # In the order of the queue, eight would come first at each step. Two workers are busy with another chunk at each of
    # its three steps, and now and then with the one after.
    assert meanwhile <= 12


async def test_no_more_jobs_of_an_organisation_run_at_once_than_may(office: Office, settings: Settings) -> None:
    async with working(settings):
        jobs = [await office.submit(chunks=1, split_seconds=60) for _ in range(RUNNING_AT_ONCE + 2)]

        async def waits() -> bool:
            *first, fifth, sixth = [await office.job(job_id) for job_id in jobs]
            # Those that are still to be looked at keep later ones waiting too.
            run = {job["state"] for job in first} == {"running"}
            return bool(
                run and sixth["waiting_for"] == f"job {fifth['id']}" and fifth["waiting_for"] == f"job {jobs[-3]}"
            )

        await eventually(waits)
        states = [(await office.job(job_id))["state"] for job_id in jobs]
        assert states == ["running"] * RUNNING_AT_ONCE + ["queued"] * 2
        await office.run(cancel_job, CancelJob(job_id=jobs[0]))

        async def starts() -> bool:
            return bool((await office.job(jobs[-2]))["state"] == "running")

        await eventually(starts)
        for job_id in reversed(jobs[1:]):
            await office.run(cancel_job, CancelJob(job_id=job_id))
        for job_id in jobs:
            assert (await office.ended(job_id))["state"] == "cancelled"


def test_an_organisation_cannot_queue_without_end() -> None:
    room_for_jobs(MAX_OPEN - 1)
    with pytest.raises(TooManyJobs, match="Cancel some"):
        room_for_jobs(MAX_OPEN)

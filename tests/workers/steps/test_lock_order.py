"""Bulk writers lock in one order: their chunk, users, assignments, retailers, each by primary key."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.builders.books import NO_LOGIN
from tests.builders.bulk_work import BulkWork, csv_of
from tests.conftest import Database
from tests.workers.steps.conftest import Place
from tests.workers.steps.test_assignment_jobs import EVERYTHING, submit, wanted

ROWS = 6
ORDER = ("users", "assignments", "retailers")
WAYS = ("indexscan", "bitmapscan", "indexonlyscan", "mergejoin", "nestloop")


@pytest.fixture
async def rival(database: Database, place: Place) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who holds one row; no way of reading brings the others into order by accident."""
    for way in WAYS:
        await place.owner.execute(f'ALTER DATABASE "{database.name}" SET enable_{way} = off')
    rival = await asyncpg.connect(database.owner_url)
    yield rival
    await rival.close()
    for way in WAYS:
        await place.owner.execute(f'ALTER DATABASE "{database.name}" RESET enable_{way}')


async def against_their_order(place: Place) -> list[uuid.UUID]:
    """SRs, retailers and assignments with the same ids, which lie on disk in the opposite order; ids in order."""
    ids = sorted(uuid.uuid4() for _ in range(ROWS))
    for place_on_disk, one in enumerate(reversed(ids)):
        await place.add("users", id=one, login=f"{one}@sr.test", name="SR", role="sr", password_hash=NO_LOGIN)
        await place.add(
            "retailers", id=one, uid=f"L{place_on_disk}", name="Shop", phone="+8801712345678",
            territory_id=place.territories["T1"], routes=[],
        )  # fmt: skip
        await place.add("assignments", id=one, retailer_id=one, sr_id=place.srs[0])
    return ids


async def free(place: Place, table: str) -> list[uuid.UUID]:
    """The rows that nobody has locked."""
    rows = await place.owner.fetch(
        f"SELECT id FROM {table} WHERE tenant_id = $1 FOR NO KEY UPDATE SKIP LOCKED", place.tenant_id
    )
    return [row["id"] for row in rows]


async def is_locked(place: Place, number: int) -> bool:
    lock = "SELECT FROM chunks WHERE tenant_id = $1 AND number = $2 FOR NO KEY UPDATE SKIP LOCKED"
    return await place.owner.fetchrow(lock, place.tenant_id, number) is None


@pytest.mark.parametrize("table", ORDER)
async def test_moves_lock_users_then_assignments_then_retailers_by_their_keys(
    jobs: BulkWork, place: Place, rival: asyncpg.Connection, table: str
) -> None:
    ids = await against_their_order(place)
    (number,) = await jobs.run_to_load(job_id := await submit(jobs, wanted(EVERYTHING, ids)))
    async with rival.transaction():
        await rival.execute(f"SELECT FROM {table} WHERE id = $1 FOR NO KEY UPDATE", ids[0])
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
        assert await is_locked(place, number)
        # Whoever waits for the first holds none of those behind it, here and in the tables that come later.
        assert set(await free(place, table)) >= set(ids[1:])
        for later in ORDER[ORDER.index(table) + 1 :]:
            assert set(await free(place, later)) >= set(ids)
    await loading
    assert (await jobs.run(job_id)).updated == ROWS


async def test_an_import_locks_retailers_by_their_keys(jobs: BulkWork, place: Place, rival: asyncpg.Connection) -> None:
    ids = await against_their_order(place)
    changes = csv_of("uid,name", [f"L{number},Renamed" for number in range(ROWS)])
    (number,) = await jobs.run_to_load(job_id := await jobs.submit_import(changes))
    async with rival.transaction():
        await rival.execute("SELECT FROM retailers WHERE id = $1 FOR NO KEY UPDATE", ids[0])
        loading = asyncio.create_task(jobs.run_chunk(job_id, number))
        await place.waits_for_lock()
        assert await is_locked(place, number)
        assert set(await free(place, "retailers")) >= set(ids[1:])
    await loading
    assert (await jobs.run(job_id)).updated == ROWS

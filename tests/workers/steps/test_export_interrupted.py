"""An export that is cancelled, fails or is killed leaves nothing that anybody could take for its result."""

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path
from uuid import UUID

import pytest

from adapters.postgres.copy import copy_query
from adapters.postgres.stores import chunks as chunk_store
from adapters.postgres.transaction import transaction
from commands.exports.submit_export import SubmitExport, submit_export
from domain.exports import ExportRequest
from domain.shared.actor import worker_actor
from tests.builders.bulk_work import BulkWork
from tests.workers.jobs.conftest import eventually
from tests.workers.steps.conftest import Place
from workers.exports import steps
from workers.job_files import results_folder
from workers.jobs.work import LeaseLost, Work

SHOPS = 2_000
FILL = """
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id)
SELECT $1, uuidv7(), 'U' || n, repeat('Shop ', 20) || n, '+8801712345678', $2 FROM generate_series(1, $3::int) n
"""


@pytest.fixture
async def begun(jobs: BulkWork, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """An export of which the next step is to write the file, in many pieces."""
    await place.owner.execute(FILL, place.tenant_id, place.territories["T1"], SHOPS)
    monkeypatch.setattr(steps, "PIECE_BYTES", 1)
    async with transaction(jobs.engine, jobs.admin) as tx:
        job_id = await submit_export(SubmitExport(request=ExportRequest(list_name="retailers")), tx)
    (number,) = await jobs.run_to_load(job_id)
    folder = tmp_path / "attempt"
    folder.mkdir()
    return await jobs.claim(job_id, number, scratch=folder)


async def stored(jobs: BulkWork, work: Work) -> list[str]:
    return [name async for name, _ in jobs.files.names(results_folder(work.job))]


async def replace(jobs: BulkWork, place: Place, work: Work) -> None:
    """The worker is believed dead: its chunk waits for another one."""
    await place.owner.execute("UPDATE leases SET lease_until = now() - interval '1 s' WHERE job_id = $1", work.job.id)
    async with transaction(jobs.engine, worker_actor(jobs.tenant_id)) as tx:
        assert await chunk_store.expire(tx, work.job.id) == 1
    await place.owner.execute("UPDATE chunks SET run_after = now() WHERE job_id = $1", work.job.id)


async def ends_right(jobs: BulkWork, job_id: UUID) -> None:
    job = await jobs.run(job_id)
    assert (job.state, job.unchanged, job.not_loaded) == ("succeeded", SHOPS, 0)
    assert job.result_key is not None
    content = b"".join([piece async for piece in await jobs.files.get(job.result_key)])
    assert content.count(b"\n") == SHOPS + 1
    assert [name async for name, _ in jobs.files.names(results_folder(job))] == [job.result_key]


async def test_a_cancelled_export_stops_at_once_and_leaves_nothing(
    jobs: BulkWork, place: Place, begun: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, put = asyncio.Event(), jobs.files.put

    async def slow(key: str, source: AsyncIterable[bytes]) -> None:
        async def pieces() -> AsyncIterable[bytes]:
            async for piece in source:
                yield piece
                writing.set()
                await asyncio.sleep(3600)

        await put(key, pieces())

    with monkeypatch.context() as stalled:
        stalled.setattr(jobs.files, "put", slow)
        step = asyncio.create_task(jobs.do(begun))
        await asyncio.wait_for(writing.wait(), 20)
        step.cancel()
        done, _ = await asyncio.wait({step}, timeout=10)
    assert done == {step}
    assert step.cancelled()
    assert await stored(jobs, begun) == []
    assert (await jobs.job(begun.job.id)).result_key is None
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'"

    async def ended() -> bool:
        return await place.rows(f"{busy} AND state = 'active'") == [(0,)]

    # The server hears of a closed connection when it writes to it.
    await eventually(ended)
    await replace(jobs, place, begun)
    await ends_right(jobs, begun.job.id)


async def test_a_storage_that_fails_fails_the_step_and_keeps_nobody_waiting(
    jobs: BulkWork, place: Place, begun: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_key: str, source: AsyncIterable[bytes]) -> None:
        async for _ in source:
            message = "the disk is full"
            raise OSError(message)

    with monkeypatch.context() as broken:
        broken.setattr(jobs.files, "put", fails)
        with pytest.raises(OSError, match="the disk is full"):
            await asyncio.wait_for(jobs.do(begun), 20)
    await replace(jobs, place, begun)
    await ends_right(jobs, begun.job.id)


async def test_a_worker_that_was_replaced_leaves_a_file_that_nobody_sees_and_that_goes(
    jobs: BulkWork, place: Place, begun: Work
) -> None:
    await replace(jobs, place, begun)
    with pytest.raises(LeaseLost):
        await jobs.do(begun)
    assert len(await stored(jobs, begun)) == 1
    assert (await jobs.job(begun.job.id)).result_key is None
    await ends_right(jobs, begun.job.id)


async def test_the_file_is_the_list_at_one_moment(
    jobs: BulkWork, place: Place, begun: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meanwhile(*args: object) -> int:
        """Somebody writes after the snapshot was taken, and before its rows are read."""
        await place.owner.execute("UPDATE retailers SET name = 'changed' WHERE tenant_id = $1", place.tenant_id)
        await place.owner.execute("DELETE FROM retailers WHERE tenant_id = $1 AND uid = 'U1'", place.tenant_id)
        return await copy_query(*args)  # type: ignore[arg-type]  # passed on as they came

    with monkeypatch.context() as patched:
        patched.setattr(steps, "copy_query", meanwhile)
        await jobs.do(begun)
    job = await jobs.run(begun.job.id)
    assert job.result_key is not None
    content = b"".join([piece async for piece in await jobs.files.get(job.result_key)])
    assert (job.unchanged, content.count(b"changed")) == (SHOPS, 0)

"""The life of a job: its steps, its counts, its failures, and how it is stopped, taken up again and taken back."""

from typing import Any

import pytest

from commands.jobs.cancel_job import CancelJob, cancel_job
from commands.jobs.retry_job import RetryJob, retry_job
from commands.jobs.undo_job import UndoJob, undo_job
from domain.jobs import JobHasEnded, JobNotRetryable, JobNotUndoable
from tests.workers.jobs.conftest import Office, eventually

pytestmark = pytest.mark.usefixtures("worker")


async def test_every_row_is_loaded_once_and_counted(office: Office) -> None:
    job = await office.ended(await office.submit(chunks=9, rows=3, rejected=4))
    assert (job["state"], job["rows"], job["created"], job["rejected"]) == ("succeeded", 31, 27, 4)
    assert job["faults"] == '{"late": 9, "bad_phone": 1}'
    assert job["warnings"] == '["so so"]'
    assert job["rejects_key"].endswith("rejects.csv")
    assert await office.regions() == 27
    finished = "SELECT count(*) FROM outbox WHERE type = 'jobs.job_finished.v1' AND tenant_id = $1"
    assert await office.owner.fetchval(finished, office.tenant_id) == 1


async def test_an_unusable_file_fails_the_job_at_once_and_changes_nothing(office: Office) -> None:
    job = await office.ended(await office.submit(refuse=True))
    assert job["state"] == "failed"
    assert job["error"] == '{"code": "unreadable", "message": "The file is an image. Save it as CSV."}'
    assert (job["rows"], await office.regions()) == (0, 0)


async def test_a_chunk_that_stumbles_is_tried_again(office: Office) -> None:
    job_id = await office.submit(fail=[2], times=2)
    job = await office.ended(job_id)
    assert (job["state"], await office.regions()) == ("succeeded", 6)
    assert [(chunk["failures"], chunk["attempt"]) for chunk in await office.chunks(job_id)][2] == (2, 3)


async def test_a_failed_part_keeps_the_rest_and_retry_loads_what_is_missing(office: Office) -> None:
    job_id = await office.submit(chunks=3, refuse_chunks=[2])
    job = await office.ended(job_id)
    assert job["state"] == "failed"
    assert '"refused_here"' in job["error"]
    assert job["not_loaded"] >= 2
    assert await office.regions() == job["created"]
    await office.owner.execute("UPDATE jobs SET params = params - 'refuse_chunks' WHERE id = $1", job_id)
    await office.run(retry_job, RetryJob(job_id=job_id))
    job = await office.ended(job_id)
    assert (job["state"], job["created"], job["not_loaded"], job["error"]) == ("succeeded", 6, 0, None)
    assert await office.regions() == 6
    with pytest.raises(JobNotRetryable):
        await office.run(retry_job, RetryJob(job_id=job_id))


@pytest.mark.parametrize(
    ("step", "params"),
    [
        ("split", {"split_seconds": 30}),
        ("load", {"seconds": 30}),
        ("finish", {"finish_seconds": 1.5}),
    ],
)
async def test_cancel_stops_a_job_in_any_step(office: Office, step: str, params: dict[str, Any]) -> None:
    job_id = await office.submit(**params)
    await office.working(job_id, step=step)
    await office.run(cancel_job, CancelJob(job_id=job_id))
    job = await office.ended(job_id, within=8)
    assert job["state"] == "cancelled"
    assert await office.regions() == job["created"]
    with pytest.raises(JobHasEnded):
        await office.run(cancel_job, CancelJob(job_id=job_id))


async def test_cancel_with_revert_takes_back_what_was_loaded(office: Office) -> None:
    job_id = await office.submit(finish_seconds=2)
    await office.working(job_id, step="finish")
    await office.run(cancel_job, CancelJob(job_id=job_id, on_cancel="revert"))
    job = await office.ended(job_id)
    assert job["created"] == 6
    assert (await office.ended(job["undone_by"]))["state"] == "succeeded"
    assert (await office.job(job_id))["state"] == "undone"
    assert await office.regions() == 0


async def test_undo_is_a_job_and_happens_once(office: Office) -> None:
    job_id = await office.submit()
    await office.ended(job_id)
    undo_id = await office.run(undo_job, UndoJob(job_id=job_id))
    with pytest.raises(JobNotUndoable):
        await office.run(undo_job, UndoJob(job_id=job_id))
    undo = await office.ended(undo_id)
    assert (undo["kind"], undo["state"], undo["undo_of"]) == ("undo", "succeeded", job_id)
    job = await office.job(job_id)
    assert (job["state"], job["undone_by"]) == ("undone", undo_id)
    assert await office.regions() == 0
    for one in (job_id, undo_id):
        with pytest.raises(JobNotUndoable):
            await office.run(undo_job, UndoJob(job_id=one))


async def test_a_dry_run_cannot_be_undone(office: Office) -> None:
    job_id = await office.submit(mode="dry_run")
    await office.ended(job_id)
    with pytest.raises(JobNotUndoable, match="dry run"):
        await office.run(undo_job, UndoJob(job_id=job_id))


async def test_one_bulk_writer_at_a_time_and_the_next_says_whom_it_waits_for(office: Office) -> None:
    first = await office.submit(writes_retailers=True, seconds=4, chunks=1)
    await office.working(first)
    second = await office.submit(writes_retailers=True, chunks=1)
    third = await office.submit(writes_retailers=True, chunks=1)
    other = await office.ended(await office.submit(chunks=1))

    async def waits() -> bool:
        waiting = await office.job(second)
        return bool((waiting["state"], waiting["waiting_for"]) == ("queued", f"job {first}"))

    await eventually(waits)
    ended = [await office.ended(one) for one in (first, second, third)]
    assert [job["waiting_for"] for job in ended] == [None] * 3
    assert other["finished_at"] < ended[0]["finished_at"]
    assert ended[0]["finished_at"] <= ended[1]["started_at"]
    assert ended[1]["finished_at"] <= ended[2]["started_at"]


async def test_a_queued_job_is_cancelled_at_once(office: Office) -> None:
    first = await office.submit(writes_retailers=True, seconds=4, chunks=1)
    await office.working(first)
    second = await office.submit(writes_retailers=True)
    await office.run(cancel_job, CancelJob(job_id=second))
    assert (await office.job(second))["state"] == "cancelled"
    assert (await office.ended(first))["state"] == "succeeded"

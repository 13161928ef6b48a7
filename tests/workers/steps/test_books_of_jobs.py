"""A job ends, however it ends, only when the books of everything it committed are rendered."""

import pytest

from commands.jobs import advance_job
from tests.builders.bulk_work import BulkWork
from tests.workers.steps.conftest import Place
from tests.workers.steps.test_assignment_jobs import EVERYTHING, stock, submit, wanted

FRESH = "SELECT books_fresh FROM chunks WHERE job_id = $1 AND number = $2"
ANNOUNCED = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND type = 'assignments.retailers_assigned.v1'"
STOPS = {
    "succeeded": "SELECT $1::uuid",
    "cancelled": "UPDATE jobs SET cancel_requested_at = now() WHERE id = $1",
    "failed": (
        "INSERT INTO chunks (tenant_id, job_id, number, step, state, error)"
        " SELECT tenant_id, id, 99, 'load', 'failed', 'broken: It broke.' FROM jobs WHERE id = $1"
    ),
}


@pytest.mark.parametrize("ending", STOPS)
async def test_no_ending_comes_before_the_books(jobs: BulkWork, place: Place, ending: str) -> None:
    await stock(jobs, 6)
    (number,) = await jobs.run_to_load(job_id := await submit(jobs, wanted(EVERYTHING, place.srs)))
    await jobs.run_chunk(job_id, number)
    assert await place.owner.fetchval(ANNOUNCED, place.tenant_id) == 1
    assert await place.owner.fetchval(FRESH, job_id, number) is False
    # Everything is loaded and nothing rendered when it is stopped.
    await place.owner.execute(STOPS[ending], job_id)
    (render,) = [one for one, _ in (await jobs.advance(job_id)).to_send]
    assert (await jobs.job(job_id)).state == "running"
    await jobs.run_chunk(job_id, render)
    job = await jobs.run(job_id)
    assert (job.state, jobs.rendered[job_id]) == (ending, set(place.srs))
    assert await place.owner.fetchval(FRESH, job_id, number) is True


async def test_books_of_many_rows_are_looked_for_beside_the_job_not_under_its_lock(
    jobs: BulkWork, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance_job, "_LOOKED_THROUGH_AT_ONCE", 5)
    await stock(jobs, 6)
    (number,) = await jobs.run_to_load(job_id := await submit(jobs, wanted(EVERYTHING, place.srs)))
    await jobs.run_chunk(job_id, number)
    (look,) = [one for one, _ in (await jobs.advance(job_id)).to_send]
    async with place.owner.transaction():
        # Whoever cancels holds this lock; the look needs it not.
        await place.owner.execute("SELECT FROM jobs WHERE id = $1 FOR NO KEY UPDATE", job_id)
        await jobs.run_chunk(job_id, look)
    assert job_id not in jobs.rendered
    job = await jobs.run(job_id)
    assert (job.state, jobs.rendered[job_id]) == ("succeeded", set(place.srs))

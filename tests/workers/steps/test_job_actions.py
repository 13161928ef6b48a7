"""An action reports each job: those it acted on, and those it could not."""

import csv
import io
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.postgres.transaction import transaction
from commands.exports.submit_export import SubmitExport, submit_export
from commands.jobs.retry_job import RetryJob, retry_job
from commands.jobs.submit_action import SubmitAction, submit_action
from domain.exports import ExportRequest
from domain.job_actions import Action, ActionRequest, seen
from domain.jobs import MAX_OPEN, MAX_OPEN_WITH_ACTIONS, JobFilter, TooManyJobs
from domain.retention import WORK_FILES
from queries._jobs_to_act_on import jobs_to_act_on
from tests.builders.bulk_work import BulkWork
from tests.workers.steps.conftest import Place


async def export(jobs: BulkWork) -> UUID:
    async with transaction(jobs.engine, jobs.admin) as tx:
        return await submit_export(SubmitExport(request=ExportRequest(list_name="regions")), tx)


async def submit(jobs: BulkWork, action: Action, **wanted: str) -> UUID:
    request = ActionRequest(action=action, filter=JobFilter(**wanted))  # type: ignore[arg-type]  # names from the tests
    async with transaction(jobs.engine, jobs.admin) as tx:
        expect = seen(action, await jobs_to_act_on(tx.conn, tx.tenant_id, request))
        return await submit_action(SubmitAction(request=request, expect=expect), tx, find=jobs_to_act_on)


async def report(jobs: BulkWork, job_id: UUID) -> dict[str, tuple[str, str]]:
    key = (await jobs.job(job_id)).result_key
    assert key is not None
    text = b"".join([piece async for piece in await jobs.files.get(key)]).decode()
    return {row["job_id"]: (row["outcome"], row["code"]) for row in csv.DictReader(io.StringIO(text))}


async def test_many_jobs_are_cancelled_and_each_is_reported(jobs: BulkWork, place: Place) -> None:
    exports = [await export(jobs) for _ in range(45)]
    action = await submit(jobs, "cancel", kind="export")
    ended = await jobs.run(action)
    assert (ended.state, ended.updated, ended.rejected, ended.before_images_until) == ("succeeded", 45, 0, None)
    assert await report(jobs, action) == {str(job_id): ("cancelled", "") for job_id in exports}
    states = await place.rows("SELECT DISTINCT state FROM jobs WHERE id = ANY ($1)", exports)
    assert states == [("cancelled",)]
    assert await place.rows("SELECT count(*) FROM jobs WHERE tenant_id = $1 AND kind = 'action'", place.tenant_id) == [
        (1,)
    ]


async def test_what_cannot_be_acted_on_any_more_is_reported_and_left_alone(jobs: BulkWork, place: Place) -> None:
    first, second = await export(jobs), await export(jobs)
    await jobs.run(await submit(jobs, "cancel"))
    late = timedelta(days=WORK_FILES.days + 1)
    await place.owner.execute("UPDATE jobs SET finished_at = finished_at - $2::interval WHERE id = $1", first, late)
    action = await submit(jobs, "retry", kind="export")
    ended = await jobs.run(action)
    assert (ended.state, ended.updated, ended.rejected, ended.faults) == ("succeeded", 1, 1, {"retry_expired": 1})
    assert await report(jobs, action) == {str(first): ("refused", "retry_expired"), str(second): ("retried", "")}
    assert ((await jobs.job(first)).state, (await jobs.job(second)).state) == ("cancelled", "queued")


async def fill(jobs: BulkWork, place: Place, count: int) -> None:
    await place.owner.execute(
        "INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase, unit, submitted_at) SELECT tenant_id,"
        " uuidv7(), kind, subject, mode, 'queued', 'waiting', unit, submitted_at FROM jobs, generate_series(1, $2::int)"
        " WHERE id = $1",
        await export(jobs),
        count - 1,
    )


async def test_a_full_queue_takes_and_begins_an_action_that_empties_it_but_no_retry(
    jobs: BulkWork, place: Place
) -> None:
    failed = await export(jobs)
    await jobs.run(await submit(jobs, "cancel", kind="export"))
    await fill(jobs, place, MAX_OPEN)
    with pytest.raises(TooManyJobs):
        async with transaction(jobs.engine, jobs.admin) as tx:
            await retry_job(RetryJob(job_id=failed), tx)
    action = await submit(jobs, "cancel", state="queued")
    assert (await jobs.advance(action)).to_send
    assert ((await jobs.job(action)).state, (await jobs.job(action)).total) == ("running", MAX_OPEN)


async def test_actions_cannot_be_queued_without_end_either(jobs: BulkWork, place: Place) -> None:
    await fill(jobs, place, MAX_OPEN_WITH_ACTIONS)
    with pytest.raises(TooManyJobs):
        await submit(jobs, "cancel")

"""Jobs for a later day: they wait where the organisation's clocks say so, and start once, late rather than never."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from adapters.settings import Settings
from domain.jobs import NewJob
from domain.shared.days import today
from tests.workers.jobs.conftest import Office, Submit, eventually, submit, working
from workers.due_jobs import start_due_jobs
from workers.schedule import SCHEDULE

# 26 hours apart: whatever the time is, in the second one it is a later day.
BEHIND, AHEAD = "Etc/GMT+12", "Pacific/Kiritimati"


async def move_to(office: Office, zone: str) -> None:
    await office.owner.execute("UPDATE organisations SET time_zone = $2 WHERE tenant_id = $1", office.tenant_id, zone)


async def plan(office: Office) -> UUID:
    """A job for the day after today, where it is behind."""
    await move_to(office, BEHIND)
    day: date = today(datetime.now(UTC), BEHIND) + timedelta(days=1)
    new = NewJob(kind="import", subject="regions", params={"chunks": 3, "rows": 2}, starts_on=day)
    return await office.run(submit, Submit(job=new))


async def planned(office: Office, job_id: UUID) -> None:
    async def look() -> bool:
        return bool((await office.job(job_id))["phase"] == "planned")

    await eventually(look)


def test_every_worker_looks_by_the_clock() -> None:
    assert start_due_jobs in {one.do for one in SCHEDULE}


async def test_a_job_starts_when_its_day_begins_in_the_organisations_zone(office: Office, settings: Settings) -> None:
    job_id = await plan(office)
    async with working(settings) as machinery:
        await planned(office, job_id)
        job = await office.job(job_id)
        assert (job["state"], job["waiting_for"]) == ("queued", f"{job['starts_on']}, 00:00 in {BEHIND}")
        await start_due_jobs(machinery)
        assert ((await office.job(job_id))["phase"], await office.regions()) == ("planned", 0)
        await move_to(office, AHEAD)
        await asyncio.gather(*(start_due_jobs(machinery) for _ in range(5)))
        job = await office.ended(job_id)
    assert (job["state"], job["created"], await office.regions()) == ("succeeded", 6, 6)


async def test_a_day_that_began_while_nobody_worked_is_made_up_for(office: Office, settings: Settings) -> None:
    job_id = await plan(office)
    async with working(settings):
        await planned(office, job_id)
    await move_to(office, AHEAD)
    async with working(settings):
        job = await office.ended(job_id)
    assert (job["state"], await office.regions()) == ("succeeded", 6)

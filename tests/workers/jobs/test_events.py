"""Events reach their subscribers: each on its own, again after a failure, and not for ever."""

from typing import Any
from uuid import UUID

from adapters.settings import Settings
from commands.jobs.resend_deliveries import ResendDeliveries, resend_deliveries
from domain.jobs import JobSubmitted
from tests.workers.jobs.conftest import Office, eventually, working
from workers.machinery import Machinery
from workers.subscribers import jobs
from workers.subscribers.subscriber import on

heard: list[UUID] = []
deaf: set[UUID] = set()


@on(JobSubmitted)
async def hear(event: JobSubmitted, _machinery: Machinery, _tenant_id: UUID) -> None:
    if event.job_id in deaf:
        message = "I do not hear"
        raise RuntimeError(message)
    heard.append(event.job_id)


SUBSCRIBERS = (jobs.start_job, jobs.stop_job, jobs.start_next_job, hear)


async def delivery(office: Office, subscriber: str) -> Any:
    query = """SELECT d.* FROM deliveries d JOIN outbox o ON (o.tenant_id, o.id) = (d.tenant_id, d.event_id)
               WHERE d.tenant_id = $1 AND d.subscriber = $2 AND o.type = 'jobs.job_submitted.v1'"""
    return await office.owner.fetchrow(query, office.tenant_id, subscriber)


async def test_one_failing_subscriber_keeps_no_other_from_its_work_and_is_tried_again(
    office: Office, settings: Settings
) -> None:
    async with working(settings, subscribers=SUBSCRIBERS):
        job_id = await office.submit()
        deaf.add(job_id)
        await office.ended(job_id)

        async def tried_twice() -> bool:
            row = await delivery(office, hear.name)
            return bool(row and row["attempts"] >= 2)

        await eventually(tried_twice)
        assert (await delivery(office, jobs.start_job.name))["state"] == "done"
        deaf.discard(job_id)

        async def done() -> bool:
            return bool((await delivery(office, hear.name))["state"] == "done")

        await eventually(done)
    assert heard.count(job_id) == 1


async def test_the_last_try_makes_a_dead_letter_that_can_be_sent_again(office: Office, settings: Settings) -> None:
    async with working(settings, subscribers=SUBSCRIBERS):
        job_id = await office.submit()
        deaf.add(job_id)
        await eventually(lambda: delivery(office, hear.name))
        await office.owner.execute("UPDATE deliveries SET attempts = 7 WHERE subscriber = $1", hear.name)

        async def dead() -> bool:
            row = await delivery(office, hear.name)
            return bool(row["state"] == "dead")

        await eventually(dead)
        assert "I do not hear" in (await delivery(office, hear.name))["last_error"]
        deaf.discard(job_id)
        assert await office.run(resend_deliveries, ResendDeliveries()) == 1

        async def done() -> bool:
            return bool((await delivery(office, hear.name))["state"] == "done")

        await eventually(done)
    assert job_id in heard


async def test_an_event_of_an_unknown_type_is_passed_over(office: Office, settings: Settings) -> None:
    insert = "INSERT INTO outbox (tenant_id, id, type, payload) VALUES ($1, uuidv7(), 'moon.landed.v9', '{}')"
    await office.owner.execute(insert, office.tenant_id)
    async with working(settings):
        assert (await office.ended(await office.submit()))["state"] == "succeeded"
    left = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND relayed_at IS NULL AND type = 'moon.landed.v9'"
    assert await office.owner.fetchval(left, office.tenant_id) == 0


async def test_a_subscriber_that_only_another_version_knows_uses_up_no_try(office: Office, settings: Settings) -> None:
    newer = "jobs.of_a_newer_version"
    async with working(settings, subscribers=SUBSCRIBERS):
        job_id = await office.submit()
        await office.ended(job_id)
        await office.owner.execute(
            "INSERT INTO deliveries (tenant_id, event_id, subscriber, attempts)"
            " SELECT tenant_id, event_id, $2, 7 FROM deliveries WHERE tenant_id = $1 AND subscriber = $3 LIMIT 1",
            office.tenant_id,
            newer,
            hear.name,
        )

        async def refused() -> bool:
            row = await office.owner.fetchrow("SELECT last_error FROM deliveries WHERE subscriber = $1", newer)
            return "no subscriber" in (row["last_error"] or "")

        await eventually(refused)
    row = await office.owner.fetchrow("SELECT state, attempts FROM deliveries WHERE subscriber = $1", newer)
    assert (row["state"], row["attempts"]) == ("pending", 7)

"""Every subscriber may be sent the same event twice: the second time changes nothing."""

import json
from typing import Any

import msgspec
import pytest

from adapters.settings import Settings
from tests.architecture.tree import ROOT
from tests.workers.jobs.conftest import Office, eventually, working
from workers.machinery import Machinery
from workers.subscribers.listed import SUBSCRIBERS
from workers.subscribers.subscriber import Subscriber

STORED = json.loads((ROOT / "tests/architecture/events.json").read_text())
TABLES = ("jobs", "chunks", "leases", "regions", "sessions", "users", "outbox", "deliveries")


async def state(office: Office) -> dict[str, Any]:
    """Every row of the organisation, table by table, once everything announced has been delivered."""

    async def is_quiet() -> bool:
        waiting = await office.owner.fetchval(
            "SELECT (SELECT count(*) FROM outbox WHERE tenant_id = $1 AND relayed_at IS NULL)"
            " + (SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND state = 'pending')",
            office.tenant_id,
        )
        return bool(waiting == 0)

    await eventually(is_quiet)
    return {
        table: await office.owner.fetchval(
            f"SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t WHERE tenant_id = $1",
            office.tenant_id,
        )
        for table in TABLES
    }


async def send_twice(machinery: Machinery, office: Office, subscriber: Subscriber) -> bool:
    """Whether the second time changed nothing."""
    job_id = await office.submit()
    await office.ended(job_id)
    payload = STORED[str(subscriber.event.__struct_config__.tag)]
    event = msgspec.convert({**payload, **({"job_id": str(job_id)} if "job_id" in payload else {})}, subscriber.event)
    await subscriber.hear(event, machinery, office.tenant_id)
    once = await state(office)
    await subscriber.hear(event, machinery, office.tenant_id)
    return await state(office) == once


@pytest.mark.parametrize("subscriber", SUBSCRIBERS, ids=lambda one: one.name)
async def test_the_second_time_changes_nothing(subscriber: Subscriber, office: Office, settings: Settings) -> None:
    async with working(settings) as machinery:
        assert await send_twice(machinery, office, subscriber)


async def test_a_subscriber_that_counts_is_found(office: Office, settings: Settings) -> None:
    async def counts(_event: object, _machinery: Machinery, _tenant_id: object) -> None:
        await office.owner.execute("UPDATE users SET version = version + 1 WHERE tenant_id = $1", office.tenant_id)

    forgetful = msgspec.structs.replace(SUBSCRIBERS[0], hear=counts)
    async with working(settings) as machinery:
        assert not await send_twice(machinery, office, forgetful)

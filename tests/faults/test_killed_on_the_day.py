"""Workers that are dead at midnight, and one that dies in the middle of what was due: it happens once, and wholly."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from domain.shared.days import today
from tests.faults.bulk_work import Moment, Organisation, shops
from tests.people import Json
from tests.stack import Stack, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ROWS = 45_000
# The clocks of the second zone are on a later day than those of the first, whatever the time is.
BEHIND, AHEAD = "Etc/GMT+12", "Pacific/Kiritimati"


def test_what_is_due_happens_once_although_workers_die(stack: Stack) -> None:
    organisation = Organisation(stack, "due", srs=40)
    admin, ledger = organisation.admin, organisation.ledger
    turn_clocks(organisation, BEHIND)
    loaded = admin.finished(admin.upload("retailers", shops(ROWS)), seconds=180)["counts"]["created"]
    regulars, covers = organisation.sr_ids[:20], organisation.sr_ids[20:]
    admin.assign({"all": True}, regulars)
    before = organisation.holdings().holders
    loan = plan_loan(organisation, covers)

    workers = [name for name in stack.names if name.startswith("worker")]
    for name in workers:
        stack.kill(name)
    turn_clocks(organisation, AHEAD)
    assert organisation.holdings().holders == before
    stack.restart(*workers)
    die_in_the_middle(organisation, loan)
    assert admin.finished(loan, seconds=180)["counts"]["updated"] == loaded
    assert set(organisation.holdings().holders.values()) <= {f"sr{place:04}" for place in range(20, 40)}

    ((back,),) = [tuple(row) for row in ledger.rows("SELECT id::text FROM jobs WHERE return_of::text = $1", loan["id"])]
    begin_day_of(organisation, back)
    die_in_the_middle(organisation, {"id": back})
    assert admin.finished({"id": back}, seconds=180)["counts"]["updated"] == loaded
    after = organisation.holdings()
    assert after.holders == before
    assert after.ended == 2 * loaded
    organisation.assert_no_book_is_stale()


def plan_loan(organisation: Organisation, covers: list[str]) -> Json:
    """Everything to the covers from tomorrow on, for a week."""
    admin = organisation.admin
    day = today(datetime.now(UTC), BEHIND)
    dates = {"effective_on": f"{day + timedelta(days=1)}", "return_on": f"{day + timedelta(days=8)}"}
    wish: Json = {"select": {"all": True}, "to": {"sr_ids": covers}, "strategy": "balance", **dates}
    expect = admin.post("/assignments/preview", wish, status=200)["expect"]
    loan: Json = admin.post("/assignments", {**wish, "expect": expect}, status=202)["job"]
    until(
        lambda: str(admin.get(f"/jobs/{loan['id']}")["waiting_for"]).startswith(dates["effective_on"]),
        what="the loan to wait for its day",
    )
    return loan


def die_in_the_middle(organisation: Organisation, job: Json) -> None:
    """The worker that has the second part of the job dies; another one, or itself again, goes on."""
    stack = organisation.stack
    name = stack.named(organisation.ledger.pid_at(job, Moment("load", done=1)))
    stack.kill(name)
    stack.restart(name)
    _, done = organisation.ledger.progress(job)
    organisation.gets_on(job, done)


def turn_clocks(organisation: Organisation, zone: str) -> None:
    execute(organisation, "UPDATE organisations SET time_zone = $2 WHERE tenant_id = $1", zone)


def begin_day_of(organisation: Organisation, job_id: str) -> None:
    """As if the day that the job waits for had just begun."""
    statement = "UPDATE jobs SET starts_on = (now() AT TIME ZONE $3)::date WHERE tenant_id = $1 AND id = $2::uuid"
    execute(organisation, statement, job_id, AHEAD)


def execute(organisation: Organisation, statement: str, *values: object) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(organisation.stack.servers.database_url)
        try:
            await connection.execute(statement, organisation.tenant_id, *values)
        finally:
            await connection.close()

    asyncio.run(run())

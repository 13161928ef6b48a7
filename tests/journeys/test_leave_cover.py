"""Leave: from its first day the cover sees the retailers and nobody else; then they return by themselves."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from domain.shared.days import today
from tests.people import Json, Person, Phone
from tests.stack import Stack, until

pytestmark = pytest.mark.journey

# 26 hours apart: whatever the time is, in the second one it is a later day.
BEHIND, AHEAD = "Etc/GMT+12", "Pacific/Kiritimati"


def test_a_cover_sees_the_retailers_for_the_days_of_the_leave(stack: Stack) -> None:
    admin = Person.admin(stack, "leave")
    turn_clocks(stack, BEHIND)
    admin.finished(admin.upload("territories", TREE))
    regular, cover = admin.hire("regular@leave.test", "cover@leave.test")
    shops = "".join(f"U-{number},Shop {number},017{number:08},T\n" for number in range(6))
    admin.finished(admin.upload("retailers", f"uid,name,phone,territory\n{shops}".encode()))
    admin.assign({"all": True}, [regular["id"]])
    phones = Phone(Person(stack.url, "regular@leave.test")), Phone(Person(stack.url, "cover@leave.test"))

    loan = plans_the_leave(admin, regular, cover)
    assert seen(*phones) == (6, 0)
    turn_clocks(stack, AHEAD)
    done = admin.finished(loan)
    assert done["counts"]["updated"] == 6
    assert seen(*phones) == (0, 6)

    back = comes_back(stack, admin, loan)
    assert back["counts"]["updated"] == 6
    assert seen(*phones) == (6, 0)
    shop = next(iter(phones[0].shops))
    history = admin.get(f"/retailers/{shop}/assignments")["items"]
    assert [held["sr"]["login"].partition("@")[0] for held in history] == ["regular", "cover", "regular"]
    for later, earlier in itertools.pairwise(history):
        assert earlier["ended_at"] == later["started_at"]


def plans_the_leave(admin: Person, regular: Json, cover: Json) -> Json:
    """From tomorrow on, for a week; the job, which waits for tomorrow and keeps nobody else waiting."""
    day = today(datetime.now(UTC), BEHIND)
    dates = {"effective_on": f"{day + timedelta(days=1)}", "return_on": f"{day + timedelta(days=8)}"}
    wish: Json = {"select": {"filter": {"sr_id": regular["id"]}}, "to": {"sr_ids": [cover["id"]]}, **dates}
    expect = admin.post("/assignments/preview", wish, status=200)["expect"]
    loan: Json = admin.post("/assignments", {**wish, "expect": expect}, status=202)["job"]
    sentence = f"{dates['effective_on']}, 00:00 in {BEHIND}"
    until(lambda: admin.get(f"/jobs/{loan['id']}")["waiting_for"] == sentence, what="the loan to wait for its day")
    listed = admin.get("/jobs", state="queued", kind="assignment")["items"]
    assert [(job["id"], job["waiting_for"]) for job in listed] == [(loan["id"], sentence)]
    return loan


def comes_back(stack: Stack, admin: Person, loan: Json) -> Json:
    """The return, which waits for its day too; then that day is today."""
    (back,) = admin.get("/jobs", state="queued", kind="return")["items"]
    assert (back["return_of"], back["starts_on"]) == (loan["id"], loan["returns_on"])
    assert back["waiting_for"] == f"{loan['returns_on']}, 00:00 in {AHEAD}"
    execute(stack, "UPDATE jobs SET starts_on = (now() AT TIME ZONE $2)::date WHERE id = $1::uuid", back["id"], AHEAD)
    return admin.finished(back)


def seen(*phones: Phone) -> tuple[int, ...]:
    for phone in phones:
        phone.sync()
    return tuple(len(phone.shops) for phone in phones)


def turn_clocks(stack: Stack, zone: str) -> None:
    """As if time went by: the organisation's clocks say something else."""
    execute(stack, "UPDATE organisations SET time_zone = $1 WHERE code = 'leave'", zone)


def execute(stack: Stack, statement: str, *values: object) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(stack.servers.database_url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(run())


TREE = b"region_code,region_name,area_code,area_name,territory_code,territory_name\nR,Region,A,Area,T,Territory\n"

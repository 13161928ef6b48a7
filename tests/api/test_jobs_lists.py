"""The list of jobs: its filters, its pages, its count, and that it stays flat however many jobs there are."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import sqlalchemy as sa

from adapters.postgres.engine import open_engine
from adapters.postgres.transaction import reading
from domain.jobs import KINDS, STATES, JobFilter
from domain.shared.actor import Actor, Power
from queries._selected_jobs import selected
from queries.jobs.job_list import COUNTED
from tests.builders.organisations import Founded, add_user
from tests.conftest import Database

JOBS = 20_000
PAGE = 21
START = datetime(2026, 1, 1, tzinfo=UTC)
# Nothing has failed, all that is new has succeeded, and one of the two admins has submitted ten, long ago.
FILL = """
INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase, submitted_by, submitted_at, finished_at)
SELECT $1, uuidv7(), CASE WHEN n % 10 = 0 THEN 'export' ELSE 'import' END, 'retailers', 'apply',
    CASE WHEN n = 5 THEN 'undone' WHEN n < 1000 THEN 'cancelled' ELSE 'succeeded' END, 'ended',
    CASE WHEN n <= 10 THEN $3::uuid ELSE $2::uuid END, $4::timestamptz + n * interval '1 minute', now()
FROM generate_series(1, $5::int) n
"""


@pytest.fixture(scope="module")
async def other_id(database: Database, founded: Founded) -> uuid.UUID:
    connection = await asyncpg.connect(database.owner_url)
    try:
        other = await add_user(connection, founded.tenant_id, "second@jobs.test", "admin", "secret")
        await connection.execute(FILL, founded.tenant_id, founded.admin_id, other, START, JOBS)
        await connection.execute("VACUUM ANALYZE jobs")
    finally:
        await connection.close()
    return other


@pytest.fixture
async def everything(admin: httpx.AsyncClient, other_id: uuid.UUID) -> httpx.AsyncClient:
    assert other_id is not None
    return admin


async def pages(admin: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await admin.get("/api/v1/jobs", params={"limit": 100, **params, **cursor})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        cursor = {"cursor": answer.json()["next_cursor"]}


async def test_pages_are_newest_first_and_leave_nothing_out(everything: httpx.AsyncClient, other_id: uuid.UUID) -> None:
    old = (START + timedelta(minutes=1000)).isoformat()
    found = await pages(everything, submitted_before=old)
    assert [item["submitted_at"] for item in found] == sorted((item["submitted_at"] for item in found), reverse=True)
    assert len({item["id"] for item in found}) == 999
    of_other = await pages(everything, submitted_by=str(other_id))
    assert {item["submitted_by"] for item in of_other} == {str(other_id)}
    assert len(of_other) == 10
    exports = await pages(everything, submitted_by=str(other_id), kind="export", state="cancelled")
    assert [item["kind"] for item in exports] == ["export"]
    between = await pages(everything, submitted_from=(START + timedelta(minutes=998)).isoformat(), submitted_before=old)
    assert len(between) == 2


async def test_the_first_page_counts_up_to_a_limit(everything: httpx.AsyncClient) -> None:
    page = (await everything.get("/api/v1/jobs")).json()
    assert (page["count"], page["count_is"], len(page["items"])) == (COUNTED, "at_least", 20)
    following = (await everything.get("/api/v1/jobs", params={"cursor": page["next_cursor"]})).json()
    assert "count" not in following
    for params, count in (({"state": "undone"}, 1), ({"state": "cancelled"}, 998), ({"state": "failed"}, 0)):
        page = (await everything.get("/api/v1/jobs", params=params)).json()
        assert (page["count"], page["count_is"]) == (count, "exact")


@pytest.mark.parametrize(
    "params", [{"submitted_from": "2026-01-01T00:00:00"}, {"submitted_by": "me"}, {"cursor": "abc"}, {"state": "done"}]
)
async def test_filters_that_mean_nothing_are_refused(admin: httpx.AsyncClient, params: dict[str, str]) -> None:
    assert (await admin.get("/api/v1/jobs", params=params)).status_code in {400, 422}


async def test_every_state_and_kind_there_is_can_be_listed(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        check = await connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_jobs_state'"
        )
    finally:
        await connection.close()
    assert set(check.split("'")[1::2]) == set(STATES)


async def test_no_filter_reads_more_than_it_gives(database: Database, founded: Founded, other_id: uuid.UUID) -> None:
    actor = Actor(tenant_id=founded.tenant_id, user_id=founded.admin_id, power=Power.ADMIN)
    engine = open_engine(database.app_url, application_name="plans")
    middle = START + timedelta(minutes=JOBS // 2)
    choices: dict[str, tuple[Any, ...]] = {
        "state": (None, "succeeded", "failed", "undone"),
        "kind": (None, "export", "undo"),
        "submitted_by": (None, founded.admin_id, other_id),
        "submitted_from": (None, middle),
        "submitted_before": (None, middle),
    }
    try:
        async with reading(engine, actor) as conn:
            for values in itertools.product(*choices.values()):
                wanted = JobFilter(**dict(zip(choices, values, strict=True)))
                query = selected(founded.tenant_id, wanted, limit=PAGE)
                text = str(query.compile(dialect=conn.dialect, compile_kwargs={"literal_binds": True}))
                plan = (
                    await conn.execute(sa.text("EXPLAIN (ANALYZE, FORMAT JSON) " + text.replace(":", "\\:")))
                ).scalar_one()
                # Each state and kind gives a page at most, and the first of all these are the page.
                assert read_rows(plan[0]["Plan"]) <= PAGE * len(STATES) * len(KINDS), (
                    wanted,
                    msgspec.json.encode(plan),
                )
    finally:
        await engine.dispose()


def read_rows(node: dict[str, Any]) -> int:
    """The rows of tables and indexes that a plan has looked at."""
    own = 0
    if "Relation Name" in node:
        rows = (
            node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        )
        own = int(rows * node["Actual Loops"])
    return own + sum(read_rows(child) for child in node.get("Plans", []))

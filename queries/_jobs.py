"""Jobs as they are watched: how far, how fast, how long still, and what became of their rows."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.fault_groups import fault_groups
from adapters.postgres.tables.jobs import chunks, jobs, leases
from adapters.postgres.tables.workers import workers
from adapters.redis.job_progress import PieceProgress
from domain.jobs import ENDED, Counts, FaultGroup, Job, JobError, Links, Progress, faults_by_code
from domain.retention import has_results

ALIVE: Final = sa.text("interval '15 seconds'")
NOBODY_WORKS: Final = "no worker is alive"
OTHERS_FIRST: Final = "a free worker"
# Between two chunks a job waits for a moment, which is not worth a word.
_MOMENT: Final = sa.text("interval '2 seconds'")


class JobView(msgspec.Struct, kw_only=True):
    """The job's columns beside sums over its chunks, which is what is known while it runs."""

    id: UUID
    kind: str
    subject: str
    mode: str
    state: str
    phase: str
    unit: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    not_loaded: int
    faults: dict[str, int]
    fault_groups: list[FaultGroup]
    warnings: list[str]
    waiting_for: str | None
    file_name: str | None
    submitted_by: UUID | None
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    undo_of: UUID | None
    undone_by: UUID | None
    starts_on: date | None
    returns_on: date | None
    return_of: UUID | None
    rejects_key: str | None
    result_key: str | None
    before_images_until: datetime | None
    live_created: int
    live_updated: int
    live_unchanged: int
    live_rejected: int
    planned: int
    loaded: int
    loading_since: datetime | None
    books: int
    books_done: int
    held: bool
    overdue: bool
    failing: str | None
    alive: bool
    now: datetime


def _statement() -> sa.Select[Any]:
    done, loads, waits = chunks.c.state == "done", chunks.c.step == "load", chunks.c.state == "queued"
    renders = sa.and_(chunks.c.step == "render", chunks.c.state != "cancelled")
    size = sa.case((chunks.c.step == "render", sa.func.jsonb_array_length(chunks.c.params["sr_ids"])), else_=0)

    def summed(value: sa.ColumnElement[Any], *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(value).filter(*conditions), 0).cast(sa.BigInteger)

    parts = ("created", "updated", "unchanged", "rejected")
    pieces = (
        sa.select(
            *(summed(chunks.c[name], done).label(f"live_{name}") for name in parts),
            summed(chunks.c.rows, sa.or_(done, loads)).label("planned"),
            summed(chunks.c.rows, done, loads).label("loaded"),
            sa.func.min(chunks.c.started_at).filter(loads).label("loading_since"),
            summed(size, renders).label("books"),
            summed(size, renders, done).label("books_done"),
            sa.func.coalesce(sa.func.bool_or(waits & (chunks.c.run_after < sa.func.now() - _MOMENT)), sa.false()).label(
                "overdue"
            ),
            sa.func.min(chunks.c.error).filter(waits, chunks.c.run_after > sa.func.now()).label("failing"),
        )
        .where(chunks.c.tenant_id == jobs.c.tenant_id, chunks.c.job_id == jobs.c.id)
        .lateral("pieces")
    )
    seen = sa.select(workers.c.id).where(workers.c.kind == "worker", workers.c.seen_at > sa.func.now() - ALIVE)
    # Not the chunks that run: their worker may be dead, and nobody there to notice.
    held = sa.select(leases.c.number).where(
        leases.c.tenant_id == jobs.c.tenant_id, leases.c.job_id == jobs.c.id, leases.c.lease_until > sa.func.now()
    )
    own = [jobs.c[name] for name in JobView.__struct_fields__ if name in jobs.c and name != "fault_groups"]
    # A job's own row says it once the job has ended, when its chunks may be gone.
    live = sa.literal_column(fault_groups("jobs.tenant_id", "jobs.id"), jobs.c.fault_groups.type)
    groups = sa.case((jobs.c.state.in_(ENDED), jobs.c.fault_groups), else_=live).label("fault_groups")
    return sa.select(
        *own, groups, *pieces.c, held.exists().label("held"), seen.exists().label("alive"), sa.func.now().label("now")
    ).select_from(jobs.join(pieces, sa.true()))


JOBS: Final = _statement()


def job_of(row: JobView, pieces: dict[int, PieceProgress]) -> Job:
    """The job as it is told; `pieces` are the chunks that are being worked on."""
    ended = row.state in ENDED
    progress = _progress(row, pieces)
    rate = _rate(row, progress.done)
    left = None if progress.total is None else max(0, progress.total - progress.done)
    here = f"/api/v1/jobs/{row.id}"
    kept = row.before_images_until is not None and row.before_images_until > row.now
    undoable = kept and ended and row.state != "undone"
    shared = {name: getattr(row, name) for name in Job.__struct_fields__ if name in JobView.__struct_fields__}
    shared["waiting_for"] = None if ended else _waiting_for(row)
    if not ended:
        shared["faults"] = faults_by_code(row.fault_groups)
    return Job(
        **shared,
        progress=progress,
        counts=_counts(row, ended=ended),
        rate_per_s=rate,
        eta_s=None if ended or row.phase != "load" or left is None or not rate else round(left / rate, 1),
        links=Links(
            self=here,
            events=f"{here}/events",
            rejects=f"{here}/rejects" if row.rejects_key and row.rejected and _ended_lately(row) else None,
            undo=f"{here}/undo" if undoable else None,
            result=f"{here}/result" if row.result_key and row.state == "succeeded" and _ended_lately(row) else None,
        ),
    )


def _waiting_for(row: JobView) -> str | None:
    """Why nothing happens, if nothing does."""
    if row.held:
        return None
    if row.phase == "planned":
        return row.waiting_for
    if not row.alive:
        return NOBODY_WORKS
    if row.waiting_for is not None or row.state == "queued":
        return row.waiting_for
    if row.failing is not None:
        return f"another try, after {row.failing.partition(': ')[2] or row.failing}"
    return OTHERS_FIRST if row.overdue else None


def _ended_lately(row: JobView) -> bool:
    """Whether it has ended, and what it left behind is still kept."""
    return row.state in ENDED and row.finished_at is not None and has_results(row.finished_at, row.now)


def _progress(row: JobView, pieces: dict[int, PieceProgress]) -> Progress:
    if row.state in ENDED:
        return Progress(done=row.rows - row.not_loaded, total=row.rows, unit=row.unit, step="ended")
    if row.phase == "split":
        piece = pieces.get(0, PieceProgress(0, None, None))
        return Progress(done=piece.done, total=piece.total, unit=piece.unit or row.unit, step="split")
    if row.phase == "render":
        return Progress(done=row.books_done, total=row.books, unit="books", step="render")
    if row.phase == "waiting":
        return Progress(done=0, total=None, unit=row.unit, step="waiting")
    # What split has rejected is done with; what is under way may be loaded again, and never exceeds the plan.
    done = row.planned if row.phase == "finish" else row.loaded + _rejected_by_split(row)
    done += sum(piece.done for number, piece in pieces.items() if number) if row.phase == "load" else 0
    return Progress(done=min(done, row.planned), total=row.planned, unit=row.unit, step=row.phase)


def _rejected_by_split(row: JobView) -> int:
    return row.live_created + row.live_updated + row.live_unchanged + row.live_rejected - row.loaded


def _counts(row: JobView, *, ended: bool) -> Counts:
    if ended:
        return Counts(**{name: getattr(row, name) for name in Counts.__struct_fields__})
    parts = {name: getattr(row, f"live_{name}") for name in ("created", "updated", "unchanged", "rejected")}
    return Counts(**parts, rows=row.planned, not_loaded=row.planned - sum(parts.values()))


def _rate(row: JobView, done: int) -> float | None:
    since = row.started_at if row.state in ENDED else row.loading_since
    if since is None or row.phase not in {"load", "ended"} or not done:
        return None
    seconds = ((row.finished_at or row.now) - since).total_seconds()
    return round(done / seconds, 1) if seconds > 0 else None

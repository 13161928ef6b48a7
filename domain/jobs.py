"""Jobs: bulk work that is watched, cancelled, taken up again and taken back."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from domain.shared.errors import Conflict, Invalid, TooManyRequests
from domain.shared.events import Event

Phase: TypeAlias = Literal["waiting", "planned", "split", "load", "render", "finish", "ended"]
Ending: TypeAlias = Literal["succeeded", "failed", "cancelled"]
Step: TypeAlias = Literal["split", "load", "render", "finish"]
OnCancel: TypeAlias = Literal["keep", "revert"]

OPEN: Final = ("queued", "running")
ENDED: Final = ("succeeded", "failed", "cancelled", "undone")
STATES: Final = (*OPEN, *ENDED)
KINDS: Final = ("import", "assignment", "return", "undo", "export", "action")
# What can be imported, and whether importing it writes what SRs see.
IMPORTED: Final = {
    "retailers": True,
    "territories": True,
    "distributors": True,
    "users": False,
    "assignments": True,
}
MAX_FAILURES: Final = 5
# Of one organisation: so many jobs may wait and run, and so many of them run at once.
MAX_OPEN: Final = 500
RUNNING_AT_ONCE: Final = 4
# With actions on jobs among them a few more may wait and run: an action may be there to make room.
MAX_OPEN_WITH_ACTIONS: Final = MAX_OPEN + 20
# Of one job: so many chunks are with the workers at a time.
CHUNKS_AT_ONCE: Final = 4


class FaultGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Rows rejected with the same fault of the same column; a row with several faults counts in several groups.

    `column` is empty for a fault of the row as a whole, `example_row` the record number of the example (header = 1).
    """

    code: Annotated[str, msgspec.Meta(examples=["unknown_territory"])]
    column: Annotated[str, msgspec.Meta(examples=["territory"])]
    count: Annotated[int, msgspec.Meta(examples=[180])]
    example: Annotated[str, msgspec.Meta(examples=["There is no territory Mirpr-10: did you mean Mirpur-10?"])] = ""
    example_row: Annotated[int | None, msgspec.Meta(examples=[412])] = None


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is stored."""

    tenant_id: UUID
    id: UUID
    kind: str
    subject: str
    mode: str
    state: str
    phase: Phase
    ending: Ending | None
    writes_retailers: bool
    params: dict[str, Any]
    file_name: str | None
    upload_key: str | None
    total: int | None
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
    error: dict[str, str] | None
    submitted_by: UUID | None
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    on_cancel: OnCancel | None
    undo_of: UUID | None
    undone_by: UUID | None
    starts_on: date | None
    returns_on: date | None
    return_of: UUID | None
    rejects_key: str | None
    result_key: str | None
    before_images_until: datetime | None

    @property
    def dry_run(self) -> bool:
        """Whether it only tells what it would do."""
        return self.mode == "dry_run"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`done` of `total` (null while unknown) in `unit`, counted anew in each step."""

    done: Annotated[int, msgspec.Meta(examples=[40_000])]
    total: Annotated[int | None, msgspec.Meta(examples=[100_300])]
    unit: Annotated[str, msgspec.Meta(examples=["rows"])]
    step: Annotated[str, msgspec.Meta(examples=["load"])]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """rows = created + updated + unchanged + rejected + not_loaded, at any moment."""

    rows: Annotated[int, msgspec.Meta(examples=[100_300])]
    created: Annotated[int, msgspec.Meta(examples=[39_000])]
    updated: Annotated[int, msgspec.Meta(examples=[700])]
    unchanged: Annotated[int, msgspec.Meta(examples=[0])]
    rejected: Annotated[int, msgspec.Meta(examples=[300])]
    not_loaded: Annotated[int, msgspec.Meta(examples=[60_300])]


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """Why the job failed: a stable code and a sentence."""

    code: Annotated[str, msgspec.Meta(examples=["missing_column"])]
    message: Annotated[str, msgspec.Meta(examples=["The file lacks the column uid; its header has: name, phone."])]


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on; null is not possible (yet, or any more)."""

    self: Annotated[str, msgspec.Meta(examples=["/api/v1/jobs/0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b"])]
    events: Annotated[str, msgspec.Meta(examples=["/api/v1/jobs/0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b/events"])]
    rejects: Annotated[str | None, msgspec.Meta(examples=["/api/v1/jobs/0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b/rejects"])]
    undo: Annotated[str | None, msgspec.Meta(examples=[None])]
    result: Annotated[str | None, msgspec.Meta(description="The file that an export has made.", examples=[None])]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job; `faults` counts rejected rows by code, `fault_groups` by code and column, the most frequent 50 first."""

    id: UUID
    kind: Annotated[str, msgspec.Meta(examples=["import"])]
    subject: Annotated[str, msgspec.Meta(examples=["retailers"])]
    mode: Annotated[str, msgspec.Meta(examples=["apply"])]
    state: Annotated[str, msgspec.Meta(examples=["running"])]
    progress: Progress
    counts: Counts
    faults: Annotated[dict[str, int], msgspec.Meta(examples=[{"not_a_phone": 120, "unknown_territory": 180}])]
    fault_groups: list[FaultGroup]
    warnings: Annotated[list[str], msgspec.Meta(examples=[[]])]
    rate_per_s: Annotated[float | None, msgspec.Meta(examples=[8_400.0])]
    eta_s: Annotated[float | None, msgspec.Meta(examples=[7.2])]
    waiting_for: Annotated[str | None, msgspec.Meta(examples=[None])]
    file_name: Annotated[str | None, msgspec.Meta(examples=["shops.csv"])]
    submitted_by: UUID | None
    submitted_at: datetime
    started_at: datetime | None
    finished_at: Annotated[datetime | None, msgspec.Meta(examples=[None])]
    error: Annotated[JobError | None, msgspec.Meta(examples=[None])]
    undo_of: Annotated[UUID | None, msgspec.Meta(examples=[None])]
    undone_by: Annotated[UUID | None, msgspec.Meta(examples=[None])]
    starts_on: Annotated[
        date | None, msgspec.Meta(description="It takes effect when this day begins.", examples=[None])
    ]
    returns_on: Annotated[
        date | None, msgspec.Meta(description="What it lends returns when this day begins.", examples=[None])
    ]
    return_of: Annotated[
        UUID | None, msgspec.Meta(description="The job whose loans this one takes back.", examples=[None])
    ]
    links: Links


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be queued; `writes_retailers` makes it the organisation's only bulk writer while it runs."""

    kind: str
    subject: str
    mode: str = "apply"
    writes_retailers: bool = False
    params: dict[str, Any] = {}
    file_name: str | None = None
    upload_key: str | None = None
    total: int | None = None
    unit: str = "rows"
    undo_of: UUID | None = None
    starts_on: date | None = None
    returns_on: date | None = None
    return_of: UUID | None = None


class JobFilter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which jobs; what is None does not limit, all others hold together. `submitted_before` itself is outside."""

    state: str | None = None
    kind: str | None = None
    submitted_by: UUID | None = None
    submitted_from: datetime | None = None
    submitted_before: datetime | None = None


class PlannedChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the load step; `rows` of it count as not loaded until it is done."""

    rows: int
    params: dict[str, Any]


class ChunkCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the rows of a chunk; each row is in exactly one of the four. `faults` counts by code.

    `fault_groups` are the same faults by code and column; left out where a code says all there is to say.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    faults: dict[str, int] = {}
    fault_groups: tuple[FaultGroup, ...] = ()

    @property
    def rows(self) -> int:
        """All of them."""
        return self.created + self.updated + self.unchanged + self.rejected


def faults_by_code(groups: Iterable[FaultGroup]) -> dict[str, int]:
    """The groups without their columns and examples."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.code] += group.count
    return dict(counts)


def next_phase(phase: Phase, *, split_done: bool, ending: Ending | None) -> Phase:
    """Where a job goes when nothing of its phase is open any more; a stopped one skips what it has not begun."""
    if phase == "waiting":
        return "split"
    if phase == "split":
        return "load" if split_done and ending is None else "render"
    if phase == "load":
        return "render"
    if phase == "render" and split_done:
        return "finish"
    return "ended"


def decided_ending(ending: Ending | None, *, failure: str | None, cancel_requested: bool) -> Ending | None:
    """How the job will end as far as it is known: what failed stays failed, whoever cancels it."""
    if failure is not None:
        return "failed"
    return "cancelled" if cancel_requested and ending != "failed" else ending


class JobFailed(Exception):  # noqa: N818  it names what happens to the job
    """Ends a job `failed` at once: its input cannot be used, and trying again would change nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class JobSubmitted(Event, frozen=True, kw_only=True, tag="jobs.job_submitted.v1"):
    """A job was queued, for the first time or again."""

    job_id: UUID


class JobCancelRequested(Event, frozen=True, kw_only=True, tag="jobs.job_cancel_requested.v1"):
    """A running job has been told to stop."""

    job_id: UUID


class ChunkDone(Event, frozen=True, kw_only=True, tag="jobs.chunk_done.v1"):
    """A chunk's rows are in."""

    job_id: UUID
    number: int


class JobFinished(Event, frozen=True, kw_only=True, tag="jobs.job_finished.v1"):
    """A job has ended in `state`, and every book shows what it did."""

    job_id: UUID
    state: str


class JobHasEnded(Conflict):
    """It is too late to cancel."""

    code = "job_has_ended"
    title = "The job has ended"


class JobNotRetryable(Conflict):
    """Only failed and cancelled jobs have anything left to do."""

    code = "job_not_retryable"
    title = "The job cannot be retried"


class RetryExpired(Conflict):
    """What the job needs to go on is no longer kept."""

    code = "retry_expired"
    title = "It is too late to retry the job"


class JobNotUndoable(Conflict):
    """There is nothing to take back, or it is no longer possible."""

    code = "job_not_undoable"
    title = "The job cannot be undone"


class TooManyJobs(TooManyRequests):
    """The organisation has as many jobs waiting and running as it may have."""

    code = "too_many_jobs"
    title = "Too many jobs"


def room_for_jobs(open_jobs: int, *, at_most: int = MAX_OPEN) -> None:
    """Raises TooManyJobs when no other job can be taken."""
    if open_jobs >= at_most:
        message = (
            f"{at_most} jobs of this organisation wait or run already. Cancel some, or wait until some have ended."
        )
        raise TooManyJobs(message, retry_after=60)


class UnknownImportKind(Invalid):
    """There is no import of this kind."""

    code = "unknown_import_kind"
    title = "Unknown kind of import"

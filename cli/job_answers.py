"""A job as the HTTP API tells of it."""

from datetime import datetime

import msgspec

ENDED = frozenset({"succeeded", "failed", "cancelled", "undone"})


class Progress(msgspec.Struct, frozen=True):
    done: int = 0
    total: int | None = None
    unit: str = "rows"
    step: str = ""


class Counts(msgspec.Struct, frozen=True):
    """rows = created + updated + unchanged + rejected + not_loaded."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    not_loaded: int = 0

    @property
    def accepted(self) -> int:
        return self.created + self.updated + self.unchanged


class Trouble(msgspec.Struct, frozen=True):
    """Why a job failed."""

    code: str = ""
    message: str = ""


class FaultGroup(msgspec.Struct, frozen=True):
    """Rows rejected for the same reason; `column` is empty for a fault of the row as a whole."""

    code: str
    count: int
    column: str = ""
    example: str = ""
    example_row: int | None = None


class Links(msgspec.Struct, frozen=True):
    rejects: str | None = None
    undo: str | None = None
    result: str | None = None


class Job(msgspec.Struct, frozen=True):
    id: str
    kind: str
    mode: str
    state: str
    submitted_at: datetime
    subject: str = ""
    progress: Progress = Progress()
    counts: Counts = Counts()
    rate_per_s: float | None = None
    eta_s: float | None = None
    waiting_for: object = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Trouble | None = None
    warnings: tuple[str, ...] = ()
    fault_groups: tuple[FaultGroup, ...] = ()
    links: Links = Links()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def seconds(self) -> float | None:
        """How long it has run, once it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class Submitted(msgspec.Struct, frozen=True):
    """The answer to whatever starts a job."""

    job: Job


class JobList(msgspec.Struct, frozen=True):
    items: tuple[Job, ...]
    next_cursor: str | None = None
    count: int | None = None
    count_is: str = "exact"

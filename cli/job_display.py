"""Shows a job while it runs: a live bar on a terminal, a plain line now and then everywhere else."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cli.http_client import Client
from cli.job_answers import Job

POLL_SECONDS = 0.2
PLAIN_LINE_SECONDS = 1.0
KIB = 1024
WIDE = 110
ACCEPTED = {"import": "accepted", "assignment": "assigned", "undo": "restored"}
OUTCOMES = {
    "import": {"created": "created", "updated": "updated", "rejected": "rejected"},
    "assignment": {"created": "newly assigned", "updated": "moved", "rejected": "left alone"},
    "undo": {"updated": "restored", "rejected": "left alone"},
}


class Display(Protocol):
    """Where progress is shown."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def show(self, done: int, total: int | None, details: str, step: str) -> None:
        """The newest state."""


class _Bar:
    def __init__(self, console: Console, title: str) -> None:
        self._progress = Progress(
            TextColumn("  {task.description}", justify="left"),
            BarColumn(bar_width=28 if console.width >= WIDE else 14, complete_style="cyan", finished_style="green"),
            TextColumn("{task.fields[percent]:>4}"),
            TextColumn("{task.fields[details]}"),
            console=console,
        )
        self._title = title
        self._task: TaskID = self._progress.add_task(escape(title), total=None, percent="", details="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, done: int, total: int | None, details: str, step: str) -> None:
        self._progress.update(
            self._task,
            description=f"{escape(self._title)} [dim]{escape(step):<9}[/]",
            completed=done,
            total=total,
            percent=f"{done * 100 // total} %" if total else "",
            details=details,
        )


class _Lines:
    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title = console, title
        self._next, self._step, self._printed, self._last = 0.0, "", "", ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._last:
            self._console.print(self._last, soft_wrap=True)

    def show(self, done: int, total: int | None, details: str, step: str) -> None:
        of = f" of {total:,}" if total else ""
        line = f"  {escape(self._title)} {escape(step)}: {done:,}{of}  {details}".rstrip()
        if line == self._printed:
            self._last = ""
        elif time.monotonic() < self._next and step == self._step:
            self._last = line
        else:
            self._console.print(line, soft_wrap=True)
            self._next, self._step, self._printed, self._last = time.monotonic() + PLAIN_LINE_SECONDS, step, line, ""


def display(console: Console, title: str) -> Display:
    """A bar where somebody looks, lines where a log is written."""
    return _Bar(console, title) if console.is_terminal else _Lines(console, title)


def follow(
    client: Client, job: Job, console: Console, title: str, *, shown: Callable[[Job], None] | None = None
) -> Job:
    """Watches the job until it has ended, and gives its last state."""
    with display(console, title) as where:
        while True:
            where.show(job.progress.done, job.progress.total, details(job), step(job))
            if shown:
                shown(job)
            if job.ended:
                return job
            time.sleep(POLL_SECONDS)
            job = client.job(job.id)


def doing(job: Job) -> str:
    """The kind of job; a dry run only checks."""
    return "check" if job.mode == "dry_run" else job.kind


def job_name(job: Job) -> str:
    """What it does to what."""
    what = doing(job)
    return what if job.subject in {"", f"{what}s"} else f"{what} {job.subject}"


def counted(job: Job) -> str:
    """How many rows there were and what became of them, or would become of them after a dry run."""
    rows = job.counts.rows
    parts = [f"{rows:,} {'row' if rows == 1 else 'rows'}"]
    for name in job.counts.__struct_fields__:
        if name != "rows" and (count := getattr(job.counts, name)):
            would = "would be " if job.mode == "dry_run" and name in {"created", "updated"} else ""
            parts.append(f"{count:,} {would}{_outcome(job, name)}")
    return " · ".join(parts)


def _outcome(job: Job, name: str) -> str:
    return OUTCOMES.get(job.kind, {}).get(name, name.replace("_", " "))


def step(job: Job) -> str:
    """What it is doing now, in one word where there is one."""
    if job.state == "queued" and job.waiting_for:
        return "waiting"
    return (job.progress.step or job.state) if job.state == "running" else job.state


def details(job: Job) -> str:
    """Rows a second, time left, and what became of the rows so far."""
    parts = []
    if job.state == "queued" and job.waiting_for:
        parts.append(escape(f"({job.waiting_for})"))
    if job.rate_per_s:
        parts.append(f"{job.rate_per_s:,.0f} {job.progress.unit}/s")
    if job.eta_s and not job.ended:
        parts.append(f"{duration(job.eta_s)} left")
    if job.counts.accepted:
        parts.append(f"[green]{job.counts.accepted:,} {ACCEPTED.get(job.kind, 'accepted')}[/]")
    if job.counts.rejected:
        parts.append(f"[yellow]{job.counts.rejected:,} {_outcome(job, 'rejected')}[/]")
    if job.counts.not_loaded and job.ended:
        parts.append(f"[yellow]{job.counts.not_loaded:,} not loaded[/]")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 10:  # noqa: PLR2004  below ten seconds the tenths are what one looks at
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(count: int) -> str:
    """Bytes in the unit a person would use."""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < KIB or unit == "GiB":
            break
        amount /= KIB
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"

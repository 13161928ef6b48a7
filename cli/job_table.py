"""Jobs as a table of one line each: as wide as the terminal, and never broken or shortened where it is piped."""

from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.job_answers import Job
from cli.job_display import details, duration, job_name, step

Found = list[tuple[str | None, Job]]
STATE_COLOURS = {"succeeded": "green", "failed": "red", "running": "cyan", "cancelled": "yellow", "undone": "yellow"}
WIDE = 130
UNBROKEN = 10_000
GAP = 2
SHORTEST_NAME = 8
FAULTS_SHOWN = 12


def print_jobs(out: Console, found: Found) -> None:
    """The newest first, with the organisation where there are several."""
    several = len({organisation for organisation, _ in found}) > 1
    if out.is_terminal and out.width < WIDE:
        _print_narrow(out, found, several=several)
    else:
        _print_wide(out, found, several=several)


def print_faults(out: Console, job: Job) -> None:
    """Why rows were rejected, the most frequent reasons first, each with a row to look at."""
    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim")
    table.add_column("  rows", justify="right", no_wrap=True)
    table.add_column("column", no_wrap=True)
    table.add_column("fault", no_wrap=True)
    table.add_column("for example", ratio=1)
    for group in job.fault_groups[:FAULTS_SHOWN]:
        row = "" if group.example_row is None else f"row {group.example_row:,}: "
        table.add_row(f"{group.count:,}", group.column, group.code, Text(f"{row}{group.example}"))
    print_table(out, table)
    if (more := len(job.fault_groups) - FAULTS_SHOWN) > 0:
        out.print(f"  and {more} more kinds of faults: see the rejected rows.", highlight=False, soft_wrap=True)


def print_table(out: Console, table: Table) -> None:
    """Scripts cut lines apart, so a line stays one when nobody looks."""
    if out.is_terminal:
        out.print(table)
    else:
        Console(file=out.file, width=UNBROKEN).print(table)


def when(instant: datetime) -> str:
    """To the minute, in the time of this machine."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M")


def _print_wide(out: Console, found: Found, *, several: bool) -> None:
    table = _table("job", *(["organisation"] if several else []), "kind", "state", "submitted", "rows", "progress")
    for organisation, job in found:
        done = f"{job.progress.done:,} of {job.progress.total:,}" if job.progress.total else ""
        took = f"in {duration(job.seconds)}" if job.seconds is not None else Text.from_markup(details(job)).plain
        table.add_row(
            job.id,
            *([Text(organisation or "")] if several else []),
            Text(job_name(job)),
            _coloured(job, job.state if step(job) == job.state else f"{job.state} ({step(job)})"),
            when(job.submitted_at),
            f"{job.counts.rows:,}",
            Text(took if job.ended else f"{done} {took}".strip()),
        )
    print_table(out, table)


def _print_narrow(out: Console, found: Found, *, several: bool) -> None:
    """What does not fit is left out: the rows and, beside an organisation, the time; the newest come first anyway."""
    states = [_short_state(job) for _, job in found]
    third = [
        organisation or "" if several else job.submitted_at.astimezone().strftime("%m-%d %H:%M")
        for organisation, job in found
    ]
    table = _table("job", "organ." if several else "sent", "kind", "state")
    room = out.width - len(found[0][1].id) - max(len("state"), *map(len, states)) - 3 * GAP
    names = max(SHORTEST_NAME, *(len(job_name(job)) for _, job in found))
    wide_third = max(min(max(map(len, third)), room - names), min(11, room - SHORTEST_NAME))
    for (_, job), state, text in zip(found, states, third, strict=True):
        table.add_row(
            job.id,
            _cut(text, wide_third),
            _cut(job_name(job), max(SHORTEST_NAME, room - wide_third)),
            _coloured(job, state),
        )
    out.print(table)


def _short_state(job: Job) -> str:
    if job.state == "running" and job.progress.total:
        return f"running {job.progress.done * 100 // job.progress.total}%"
    return step(job) if job.state == "queued" else job.state


def _coloured(job: Job, text: str) -> Text:
    return Text(text, style=STATE_COLOURS.get(job.state, ""))


def _cut(text: str, width: int) -> Text:
    cut = Text(text)
    cut.truncate(width, overflow="ellipsis")
    return cut


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table

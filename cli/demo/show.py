"""What the demo prints: the SR's first page, what was wrong with the rejected rows, and the summary."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from cli.job_answers import Job
from cli.job_display import duration

KINDS_SHOWN = 6
WIDE = 100


class Named(msgspec.Struct, frozen=True):
    id: str
    code: str
    name: str


class Retailer(msgspec.Struct, frozen=True):
    """One line of an SR's list, as far as the demo shows it."""

    uid: str
    name: str
    phone: str | None = None
    area: Named | None = None
    territory: Named | None = None
    routes: tuple[str, ...] = ()
    points: int | None = None


class RetailerPage(msgspec.Struct, frozen=True):
    items: tuple[Retailer, ...]
    next_cursor: str | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What stands in the closing panel."""

    url: str
    imported: Job
    assigned: Job
    first_page_ms: float | None = None
    warm_page_ms: float | None = None


def heading(console: Console, text: str) -> None:
    console.print(f"[bold cyan]▸[/] {text}", highlight=False, soft_wrap=True)


def retailers(console: Console, page: RetailerPage, *, at_most: int) -> None:
    """The name comes last: terminals disagree on how wide Bangla is, and so no other column moves."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", padding=(0, 1))
    shown = ["uid", "phone", "territory", *(["route", "points"] if console.width >= WIDE else [])]
    for column in shown:
        table.add_column(column, no_wrap=True, justify="right" if column == "points" else "left", min_width=8)
    table.add_column("name", no_wrap=True, overflow="ellipsis")
    for retailer in page.items[:at_most]:
        cells = {
            "uid": escape(retailer.uid),
            "phone": escape(retailer.phone or ""),
            "territory": escape(retailer.territory.name if retailer.territory else ""),
            "route": escape(" | ".join(retailer.routes)),
            "points": f"{retailer.points:,}" if retailer.points is not None else "",
        }
        table.add_row(*(cells[column] for column in shown), escape(retailer.name))
    console.print(table)


def rejected_rows(console: Console, rejects: Path) -> None:
    """How often each fault was found, with the words that the admin reads beside it."""
    codes, messages = Counter[str](), dict[str, str]()
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            # A row with several faults names them all, separated by ` | `.
            for code, message in zip(row["_code"].split(" | "), row["_message"].split(" | "), strict=False):
                codes[code] += 1
                messages.setdefault(code, message)
    for code, count in codes.most_common(KINDS_SHOWN):
        console.print(
            f"    [yellow]{count:>5,}[/]  {escape(messages[code])}", highlight=False, overflow="ellipsis", no_wrap=True
        )
    if len(codes) > KINDS_SHOWN:
        console.print(
            f"    [dim]and {len(codes) - KINDS_SHOWN} more kinds of fault in {escape(str(rejects))}[/]", highlight=False
        )


def summary(console: Console, what: Summary, *, srs: int, password: str) -> None:
    """The panel that stays on the screen while Haat serves."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    grid.add_row("API", f"{what.url}/api/v1")
    grid.add_row("Docs", f"{what.url}/docs")
    grid.add_row("Admin", f"admin@demo.haat   password {password}")
    grid.add_row("SRs", f"sr-00001@demo.haat … sr-{srs:05}@demo.haat   password {password}")
    grid.add_row(
        "Shops", f"{what.assigned.counts.rows:,}, about {round(what.assigned.counts.rows / max(srs, 1))} per SR"
    )
    for name, job in (("Import", what.imported), ("Assigned", what.assigned)):
        if job.seconds:
            rejected = f", {job.counts.rejected:,} rejected" if job.counts.rejected else ""
            speed = f"{job.counts.rows / job.seconds:,.0f} rows/s"
            grid.add_row(name, f"{job.counts.rows:,} rows in {duration(job.seconds)} ({speed}){rejected}")
    if what.first_page_ms is not None:
        grid.add_row("First page", f"{what.first_page_ms:.1f} ms at first, then {what.warm_page_ms:.1f} ms")
    console.print(Panel(grid, title="[bold]Haat[/] · the demo organisation", border_style="cyan", expand=False))

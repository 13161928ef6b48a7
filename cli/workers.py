"""`haat workers`: which background processes are alive, what each of them does, and how much is waiting."""

import asyncio

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import operator_actions
from cli.job_display import duration
from cli.operator_view import ChunkAtWork, Worker
from cli.sign_in import plain_errors

SILENT_AFTER_SECONDS = 20
NOBODY_ALIVE = 3


def list_workers() -> None:
    """The background processes; ends with 3 when no worker is alive."""
    out = Console()
    with plain_errors(Console(stderr=True)):
        found, waiting = asyncio.run(operator_actions.workers())
    if found:
        out.print(_table(found))
    out.print(" · ".join(f"{count:,} {what}" for what, count in waiting.items()), highlight=False, soft_wrap=True)
    if not any(worker.kind == "worker" and is_alive(worker) for worker in found):
        out.print(
            "[yellow]No worker is alive:[/] uploads and assignments wait until `haat worker` (or `haat up`) runs."
        )
        raise typer.Exit(NOBODY_ALIVE)


def is_alive(worker: Worker) -> bool:
    return worker.silent_s < SILENT_AFTER_SECONDS


def _table(found: list[Worker]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", padding=(0, 1))
    for column in ("kind", "host", "pid", "up since", "heard of", "does"):
        table.add_column(column, overflow="fold")
    for worker in found:
        colour = "green" if is_alive(worker) else "red"
        table.add_row(
            worker.kind,
            escape(worker.host),
            str(worker.pid),
            worker.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            f"[{colour}]{duration(worker.silent_s)} ago[/]",
            escape(doing(worker.doing)) or f"[dim]nothing, room for {worker.concurrency}[/]",
        )
    return table


def doing(chunks: list[ChunkAtWork]) -> str:
    """`load 3 of job 0190…`, several separated by commas."""
    return ", ".join(f"{chunk.step} {chunk.chunk} of job {chunk.job_id}" for chunk in chunks)

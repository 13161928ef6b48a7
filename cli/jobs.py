"""`haat jobs`: what the background work is doing, and how to stop it, take it up again, or send it once more.

With --login it asks a Haat anywhere over HTTP, as an admin of one organisation; without, it reads PostgreSQL as the
operator of the installation and shows all organisations.
"""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import operator_actions
from cli.import_file import exit_code, report, save_rejects, watched
from cli.job_answers import Job, JobList, Submitted
from cli.job_display import details, job_name, step
from cli.job_table import print_jobs, print_table, when
from cli.operator_view import ChunkTally, OperatorJob
from cli.places import in_folder
from cli.sign_in import Organisation, PasswordStdin, Url, fail, plain_errors, signed_in
from domain.jobs import JobFilter

app = typer.Typer(help="Background work: list, show, retry, cancel; dead letters.", no_args_is_help=True)
OptionalLogin = Annotated[
    str | None,
    typer.Option("--login", envvar="HAAT_LOGIN", help="Ask over HTTP as this admin; without it, ask PostgreSQL."),
]
JobId = Annotated[UUID, typer.Argument(help="The job's id.")]


class WhenCancelled(StrEnum):
    """Whether a cancelled job's rows stay or are taken back."""

    KEEP = "keep"
    REVERT = "revert"


@app.command("list")
def list_jobs(
    *,
    url: Url,
    login: OptionalLogin = None,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only jobs of this kind.")] = None,
    submitted_by: Annotated[UUID | None, typer.Option(help="Only jobs of the user with this id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only jobs submitted then or later (UTC).")] = None,
    before: Annotated[datetime | None, typer.Option(help="Only jobs submitted before then (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, the newest first.")] = 20,
    organisation: Organisation = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """The newest jobs."""
    out = Console()
    wanted = JobFilter(
        state=state,
        kind=kind,
        submitted_by=submitted_by,
        submitted_from=since and since.replace(tzinfo=UTC),
        submitted_before=before and before.replace(tzinfo=UTC),
    )
    with plain_errors(Console(stderr=True)):
        if login:
            with signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client:
                page = client.get(
                    "jobs",
                    into=JobList,
                    state=wanted.state,
                    kind=wanted.kind,
                    submitted_by=None if submitted_by is None else str(submitted_by),
                    submitted_from=_instant(wanted.submitted_from),
                    submitted_before=_instant(wanted.submitted_before),
                    limit=limit,
                )
            _print_jobs(out, [(None, job) for job in page.items])
            if page.next_cursor is not None and page.count is not None:
                or_more = " or more" if page.count_is == "at_least" else ""
                out.print(f"{len(page.items)} of {page.count:,}{or_more}", highlight=False)
        else:
            found = asyncio.run(operator_actions.jobs(wanted, limit=limit))
            _print_jobs(out, [(one.organisation, one.job) for one in found])


@app.command("show")
def show_job(
    job_id: JobId,
    *,
    url: Url,
    login: OptionalLogin = None,
    organisation: Organisation = None,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end and show the progress (over HTTP).")] = False,
    rejects: Annotated[
        Path | None, typer.Option(dir_okay=False, callback=in_folder, help="Save the rejected rows here (over HTTP).")
    ] = None,
    result: Annotated[
        Path | None,
        typer.Option(dir_okay=False, callback=in_folder, help="Save the file that it has made here (over HTTP)."),
    ] = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """One job. With --watch it ends as `haat import` does: 0, 3 when rows were rejected, 1 when it failed."""
    out, errors = Console(), Console(stderr=True)
    with plain_errors(errors):
        if not login:
            if watch or rejects or result:
                fail(errors, "--watch, --rejects and --result ask over HTTP: say who you are with --login.")
            _print_operator_job(out, *asyncio.run(operator_actions.job(job_id)))
            return
        with signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client:
            job = client.job(str(job_id))
            if watch and not job.ended:
                job = watched(client, job, out, job.kind)
            _print_job(out, job)
            if rejects:
                save_rejects(client, job, rejects, out)
            if result:
                client.download(f"jobs/{job.id}/result", result)
    if watch:
        raise typer.Exit(exit_code(job))


@app.command("retry")
def retry_job(
    job_id: JobId,
    *,
    url: Url,
    login: OptionalLogin = None,
    organisation: Organisation = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Take a failed job up again where it stopped."""
    out = Console()
    with plain_errors(Console(stderr=True)):
        if login:
            with signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client:
                job = client.post(f"jobs/{job_id}/retry", into=Submitted).job
            out.print(f"Job {job.id} is {job.state}.")
        else:
            asyncio.run(operator_actions.retry(job_id))
            out.print(f"Job {job_id} is taken up again.")


@app.command("cancel")
def cancel_job(
    job_id: JobId,
    *,
    url: Url,
    login: OptionalLogin = None,
    on_cancel: Annotated[
        WhenCancelled, typer.Option(help="What becomes of the rows that are in.")
    ] = WhenCancelled.KEEP,
    organisation: Organisation = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Stop a job after the chunks that are under way."""
    out, errors = Console(), Console(stderr=True)
    with plain_errors(errors):
        if login:
            with signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client:
                client.post(f"jobs/{job_id}/cancel?on_cancel={on_cancel}", into=object)
        else:
            asyncio.run(operator_actions.cancel(job_id, on_cancel=on_cancel.value))
        out.print(f"Job {job_id} stops after the chunks that are under way.")


@app.command("dead")
def list_dead_letters(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the oldest first.")] = 50,
) -> None:
    """Events that a subscriber could not digest, straight from PostgreSQL."""
    out = Console()
    with plain_errors(Console(stderr=True)):
        dead = asyncio.run(operator_actions.dead_letters(limit=limit))
    if not dead:
        out.print("No dead letters.")
        return
    table = _table("event", "organisation", "subscriber", "type", "tries", "since", "why")
    for one in dead:
        table.add_row(
            str(one.event_id),
            escape(one.organisation),
            escape(one.subscriber),
            escape(one.type),
            str(one.attempts),
            when(one.created_at),
            escape((one.last_error or "").splitlines()[-1] if one.last_error else ""),
        )
    print_table(out, table)
    out.print("Send them again: haat jobs resend EVENT …, or haat jobs resend --all", highlight=False)


@app.command("resend")
def resend_dead_letters(
    events: Annotated[list[UUID] | None, typer.Argument(help="Ids of events, as `haat jobs dead` lists them.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
) -> None:
    """Hand dead letters to their subscribers once more."""
    out, errors = Console(), Console(stderr=True)
    if bool(events) == everything:
        fail(errors, "Name the events to send again, or say --all.")
    with plain_errors(errors):
        count = asyncio.run(operator_actions.resend(None if everything else frozenset(events or ())))
    out.print(f"{count} {'delivery' if count == 1 else 'deliveries'} will be tried again.")


def _instant(given: datetime | None) -> str | None:
    return None if given is None else given.isoformat()


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", padding=(0, 1))
    # The ids come first and stay whole: they are copied, and cut out by scripts.
    for at, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=at == 0, min_width=36 if at == 0 else None)
    return table


def _print_jobs(out: Console, found: list[tuple[str | None, Job]]) -> None:
    if found:
        print_jobs(out, found)
    else:
        out.print("No jobs.")


def _print_job(out: Console, job: Job) -> None:
    what = escape(job_name(job))
    out.print(f"[bold]{job.id}[/]  {what}, submitted {when(job.submitted_at)}", highlight=False)
    report(out, job)
    if not job.ended:
        total = f" of {job.progress.total:,}" if job.progress.total else ""
        out.print(f"  {escape(step(job))}: {job.progress.done:,}{total} {job.progress.unit}  {details(job)}")


def _print_operator_job(out: Console, found: OperatorJob, tallies: list[ChunkTally]) -> None:
    file = f", file {escape(found.file_name)}" if found.file_name else ""
    out.print(f"organisation {escape(found.organisation)}{file}", highlight=False)
    _print_job(out, found.job)
    for tally in tallies:
        failures = f", {tally.failures} failures" if tally.failures else ""
        why = f": {escape(tally.error)}" if tally.error else ""
        out.print(f"  {tally.count} {tally.step} chunks {tally.state}{failures}{why}", highlight=False, soft_wrap=True)

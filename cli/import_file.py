"""`haat import`: uploads a file to a Haat anywhere, shows how the job goes, and fetches the rejected rows."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.http_client import Client
from cli.job_answers import Job
from cli.job_display import counted, display, doing, duration, follow, size
from cli.job_table import print_faults
from cli.places import in_folder
from cli.sign_in import (
    FAILED,
    INTERRUPTED,
    Login,
    Organisation,
    PasswordStdin,
    Url,
    plain_errors,
    signed_in,
)

SOME_ROWS_REJECTED = 3


class Kind(StrEnum):
    """What the rows of the file are."""

    RETAILERS = "retailers"
    TERRITORIES = "territories"
    DISTRIBUTORS = "distributors"
    USERS = "users"
    ASSIGNMENTS = "assignments"


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, gzip, zip or XLSX.")],
    login: Login,
    url: Url,
    kind: Annotated[Kind, typer.Option(help="What the rows are.")] = Kind.RETAILERS,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and change nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end and show the progress.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(dir_okay=False, callback=in_folder, help="Save the rejected rows here (implies --watch)."),
    ] = None,
    organisation: Organisation = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Import a file.

    Ends with 0 when every row is in, 3 when some were rejected, 1 when the import failed. Without --watch it ends as
    soon as the file is uploaded.
    """
    out, errors = Console(), Console(stderr=True)
    with (
        plain_errors(errors),
        signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client,
    ):
        job = upload(client, file, kind=kind, dry_run=dry_run, console=out)
        if not watch and rejects is None:
            out.print(f"Job {job.id} is {job.state}. Watch it: haat jobs show {job.id} --watch {reaching(client)}")
            return
        ended = watched(client, job, out, "check" if dry_run else f"import {kind}")
        report(out, ended)
        if ended.counts.rejected and ended.links.rejects:
            save_rejects(client, ended, rejects, out)
    raise typer.Exit(exit_code(ended))


def upload(client: Client, file: Path, *, kind: str, dry_run: bool, console: Console, key: str | None = None) -> Job:
    """Sends the file and shows how much of it has gone."""
    total = file.stat().st_size
    with display(console, f"upload {file.name}") as where:
        return client.upload(
            file,
            kind=kind,
            dry_run=dry_run,
            key=key,
            sent=lambda done: where.show(done, total, f"{size(done)} of {size(total)}", ""),
        )


def watched(client: Client, job: Job, console: Console, title: str) -> Job:
    """Follows the job; an interruption stops the watching and leaves the job alone."""
    try:
        return follow(client, job, console, title)
    except KeyboardInterrupt:
        console.print(
            f"\nThe job goes on. Watch it: haat jobs show {job.id} --watch {reaching(client)}\n"
            f"Stop it:  haat jobs cancel {job.id} {reaching(client)}",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from None


def reaching(client: Client) -> str:
    """The options that make another command ask the same Haat as the same user."""
    return f"--url {client.url} --login {client.who}"


def report(console: Console, job: Job) -> None:
    """What became of the job and of its rows."""
    colour, took = ("green" if job.state == "succeeded" else "red"), job.seconds
    after = f" after {duration(took)}" if took is not None else ""
    console.print(f"[bold {colour}]{doing(job)} {job.state}[/]{after}", highlight=False)
    if job.error:
        console.print(f"  {escape(job.error.message or job.error.code)}", soft_wrap=True)
    if job.counts.rows:
        console.print(f"  {counted(job)}", highlight=False, soft_wrap=True)
    for warning in job.warnings:
        console.print(f"  [yellow]{escape(warning)}[/]", soft_wrap=True)
    if job.fault_groups:
        print_faults(console, job)


def save_rejects(client: Client, job: Job, to: Path | None, console: Console) -> None:
    """Saves the rejected rows, or tells how to."""
    if to is None:
        console.print(
            f"  The rejected rows: haat jobs show {job.id} --rejects rejects.csv {reaching(client)}", soft_wrap=True
        )
        return
    saved = client.download(f"jobs/{job.id}/rejects", to)
    console.print(
        f"  The rejected rows are in {to} ({size(saved)}): correct them there and import that file.", soft_wrap=True
    )


def exit_code(job: Job) -> int:
    if job.state != "succeeded":
        return FAILED
    return SOME_ROWS_REJECTED if job.counts.rejected else 0

"""`haat export`: a list of a Haat anywhere as a file here."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.http_client import HaatError
from cli.import_file import exit_code, reaching, report, watched
from cli.job_answers import Submitted
from cli.job_display import size
from cli.places import in_folder
from cli.sign_in import Login, Organisation, PasswordStdin, Url, plain_errors, signed_in
from domain.exports import FILTERS


class ListKind(StrEnum):
    """What can be exported."""

    RETAILERS = "retailers"
    ASSIGNMENTS = "assignments"
    TERRITORIES = "territories"
    AREAS = "areas"
    REGIONS = "regions"
    DISTRIBUTORS = "distributors"
    USERS = "users"


_FLAGS = {"true": True, "false": False}


def export_list(
    kind: Annotated[ListKind, typer.Argument(help="Which list.")],
    login: Login,
    url: Url,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", dir_okay=False, callback=in_folder, help="Save it here: .csv or .xlsx (implies --watch)."
        ),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--filter", metavar="NAME=VALUE", help="As the list takes it; may be repeated.")
    ] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Wait for the end and show the progress.")] = False,
    organisation: Organisation = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Export a list, such as `haat export retailers --out shops.csv --filter active=true`.

    Ends with 0 when the file is there, 1 when the export failed. Importing the file changes nothing.
    """
    console, errors = Console(), Console(stderr=True)
    with plain_errors(errors):
        body = {"list": kind.value, "filter": _filter(kind, where or []), "format": _format(out)}
        with signed_in(url, login, organisation=organisation, password_stdin=password_stdin) as client:
            job = client.post("exports", body, into=Submitted).job
            if not watch and out is None:
                console.print(
                    f"Job {job.id} is {job.state}. Fetch the file: haat jobs show {job.id} --result FILE"
                    f" {reaching(client)}",
                    soft_wrap=True,
                )
                return
            ended = watched(client, job, console, f"export {kind}")
            report(console, ended)
            if out is not None and ended.links.result:
                saved = client.download(ended.links.result, out)
                console.print(f"  {out} ({size(saved)})", soft_wrap=True, highlight=False)
    raise typer.Exit(exit_code(ended))


def _format(out: Path | None) -> str:
    match out.suffix.lower() if out else ".csv":
        case ".xlsx":
            return "xlsx"
        case ".csv":
            return "csv"
        case other:
            message = f"A list can be saved as .csv or .xlsx, not as {other or 'a file without an ending'}."
            raise HaatError(message)


def _filter(kind: ListKind, given: list[str]) -> dict[str, Any]:
    known = FILTERS[kind.value]
    wanted: dict[str, Any] = {}
    for one in given:
        name, is_one, value = one.partition("=")
        if not is_one or name not in known:
            message = f"--filter {one}: write NAME=VALUE; {kind} can be filtered by {', '.join(known)}."
            raise HaatError(message)
        wanted[name] = _FLAGS.get(value.lower(), value) if name in {"active", "assigned"} else value
    return wanted

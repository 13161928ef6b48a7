"""Logging in from the command line, and telling what went wrong without a traceback."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.http_client import Client, HaatError
from cli.stack import home_of, running_stack
from domain.shared.errors import Refusal

FAILED = 1
INTERRUPTED = 130

DEFAULT_URL = "http://127.0.0.1:8000"


def url_of_running_stack() -> str:
    """The stack of this HAAT_HOME when one runs."""
    stack = running_stack(home_of(os.environ))
    return stack.environment.get("HAAT_URL", DEFAULT_URL) if stack else DEFAULT_URL


Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="HAAT_URL",
        default_factory=url_of_running_stack,
        show_default="the running stack, else http://127.0.0.1:8000",
        help="Where Haat runs.",
    ),
]
Login = Annotated[str, typer.Option("--login", envvar="HAAT_LOGIN", help="Who you are there.")]
Organisation = Annotated[
    str | None, typer.Option("--organisation", help="Its code; needed only when the login exists in several.")
]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password from standard input (else HAAT_PASSWORD, else asked for)."
    ),
]


@contextmanager
def plain_errors(errors: Console) -> Iterator[None]:
    """Ends the program with one clear message instead of a traceback."""
    try:
        yield
    except (HaatError, Refusal) as error:
        fail(errors, str(error))
    except KeyboardInterrupt:
        errors.print("\nStopped.")
        raise typer.Exit(INTERRUPTED) from None


def fail(errors: Console, message: str) -> NoReturn:
    errors.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(FAILED)


def read_password(login: str, *, from_stdin: bool) -> str:
    """From standard input (its first line), from the environment, or asked for without showing it."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif os.environ.get("HAAT_PASSWORD"):
        password = os.environ["HAAT_PASSWORD"]
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password of {login}: ")
    else:
        message = "No password: set HAAT_PASSWORD, or pipe it in with --password-stdin."
        raise HaatError(message)
    if not password:
        message = "The password is empty."
        raise HaatError(message)
    return password


@contextmanager
def signed_in(url: str, login: str, *, organisation: str | None, password_stdin: bool) -> Iterator[Client]:
    """A client that is logged in; it says on standard error when it has to wait."""
    errors = Console(stderr=True)

    def waiting() -> None:
        errors.print(f"Waiting for {escape(url)} …", soft_wrap=True, highlight=False)

    with Client(url, waiting=waiting) as client:
        client.login(login, read_password(login, from_stdin=password_stdin), organisation)
        yield client

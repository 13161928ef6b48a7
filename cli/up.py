"""`haat up`: everything on one machine, from servers to the demo, until Ctrl-C."""

import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from adapters.embedded import EmbeddedError, start_embedded, stop_embedded
from adapters.settings import Settings, SettingsError, load_settings
from cli.first_admin import found_first_admin
from cli.http_client import HaatError
from cli.processes import Program, Supervisor, end_leftovers, read_procfile
from cli.seed import demonstrate
from cli.stack import HomeInUseError, Stack, forget_stack, hold_home, importable, read_env_file, read_stack, write_stack
from domain.shared.errors import Invalid, Refusal

# A hang-up (the terminal was closed) must not leave servers behind.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60.0
TOLERATED_ENDS = 2
POLL_SECONDS = 0.1


class UpError(Exception):
    """The stack cannot be brought up; the message says why and what to do."""


class _StopError(BaseException):
    """Ctrl-C, SIGTERM or a hang-up: the one way out."""


def up(
    *, logs: Annotated[bool, typer.Option("--logs", help="Show the log lines of all processes on this screen.")] = False
) -> None:
    """Run everything on this machine: servers, migrations, demo, API, relay and workers."""
    console = Console()
    read_env_file(os.environ)
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        settings = load_settings(os.environ, before_servers=True)
        with hold_home(settings.home):
            _run(settings, console, show_logs=logs)
    except (SettingsError, HomeInUseError, EmbeddedError, UpError) as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from None
    except _StopError:
        console.print("Stopped.")


def _run(settings: Settings, console: Console, *, show_logs: bool) -> None:
    """Bring up, serve until stopped, take down; each part is taken down in the opposite order, whatever happens."""
    if (left := read_stack(settings.home)) is not None and (ended := end_leftovers(left.children)):
        console.print(f"Ended what a killed run left: {', '.join(ended)}.")
    check_port(settings.host, settings.port)
    with ExitStack() as parts:
        environment = _servers(settings, console, parts)
        settings = load_settings(environment)
        with console.status("Bringing the database up to date"):
            bring_up_to_date(settings)
        write_stack(settings.home, Stack(pid=os.getpid(), environment=_published(settings)))
        parts.callback(forget_stack, settings.home)
        supervisor = _supervisor(settings, environment, console)
        parts.callback(_quietly_stopping, supervisor, console)
        supervisor.start()
        _wait_until_ready(settings, supervisor, console)
        _demonstrate(settings, console)
        console.print(
            f"\nHaat serves at [bold]{settings.url}[/] (documentation: [bold]{settings.url}/docs[/], "
            f"logs: {escape(str(settings.home / 'logs'))}). Ctrl-C stops everything.",
            soft_wrap=True,
            highlight=False,
        )
        _follow(supervisor.logs if show_logs else {}, console)


def _servers(settings: Settings, console: Console, parts: ExitStack) -> dict[str, str]:
    """The environment of every process: ours, with the addresses of the servers that we start."""
    environment = importable(os.environ) | {"HAAT_HOME": str(settings.home)}
    postgres, redis = not settings.database_url, not settings.redis_url
    if not postgres and not redis:
        return environment
    parts.callback(_stop_servers, settings.home, console)
    with console.status("Starting PostgreSQL and Redis"), _uninterrupted():
        servers = start_embedded(settings.home, postgres=postgres, redis=redis)
    if postgres:
        environment |= {"DATABASE_URL": servers.database_url, "DATABASE_APP_URL": servers.database_app_url}
    if redis:
        environment |= {"REDIS_URL": servers.redis_url}
        environment.setdefault("REDIS_READ_URL", servers.redis_read_url)
    return environment


def _published(settings: Settings) -> dict[str, str]:
    """What `haat env` prints."""
    return {
        "DATABASE_URL": settings.database_url,
        "DATABASE_APP_URL": settings.database_app_url,
        "REDIS_URL": settings.redis_url,
        "REDIS_READ_URL": settings.redis_read_url,
        "HAAT_URL": settings.url,
    }


def _supervisor(settings: Settings, environment: dict[str, str], console: Console) -> Supervisor:
    commands = read_procfile()
    names = ["api", "relay", *(f"worker-{number}" for number in range(1, settings.workers + 1))]
    published = _published(settings)
    return Supervisor(
        [Program(name=name, command=commands[name.partition("-")[0]]) for name in names],
        logs=settings.home / "logs",
        environment=environment,
        say=lambda message: console.print(f"[yellow]{escape(message)}[/]", soft_wrap=True, highlight=False),
        changed=lambda children: write_stack(
            settings.home, Stack(pid=os.getpid(), environment=published, children=children)
        ),
    )


def bring_up_to_date(settings: Settings) -> None:
    """Migrate, and make the first organisation and its admin where the settings ask for them."""
    # Alembic takes a quarter of a second to load, which no other command should wait for.
    from adapters.postgres.migrate import migrate

    migrate(settings.database_url, app_url=settings.database_app_url)
    try:
        found_first_admin(settings)
    except Invalid as error:
        raise UpError(f"HAAT_ORGANISATION, HAAT_ADMIN_LOGIN: {error}") from None


def _demonstrate(settings: Settings, console: Console) -> None:
    """What fails in the demo is told; what serves goes on serving, and the next start goes on with the demo."""
    if not settings.demo_retailers:
        return
    try:
        demonstrate(settings, settings.url, console, retailers=settings.demo_retailers)
    except (HaatError, Refusal) as error:
        console.print(f"[bold red]The demo stopped:[/] {escape(str(error))}", soft_wrap=True, highlight=False)


def check_port(host: str, port: int) -> None:
    """UpError unless the address can be listened on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UpError(
                f"Port {port} on {host} is used by another program. "
                f"Set HAAT_PORT to a free one, for example: HAAT_PORT={port + 1 if port < 65000 else 8001} make run"  # noqa: PLR2004 - well below the last port
            ) from None
        if error.errno == errno.EACCES:
            raise UpError(f"Port {port} needs rights that you do not have. Set HAAT_PORT above 1023.") from None
        raise UpError(f"HAAT_HOST={host!r} is no address of this machine ({error.strerror}).") from None


def _wait_until_ready(settings: Settings, supervisor: Supervisor, console: Console) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with console.status("Starting the API"):
        while True:
            try:
                if httpx.get(f"{settings.url}/health/ready", timeout=5, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline or supervisor.ends("api") > TOLERATED_ENDS:
                raise UpError(f"The API does not answer at {settings.url}:\n{_last_lines(supervisor.logs['api'])}")
            time.sleep(POLL_SECONDS)


def _last_lines(log: Path) -> str:
    lines = log.read_bytes()[-20_000:].decode("utf-8", "replace").splitlines()
    return "\n".join([*lines[-20:], f"(all of it: {log})"])


def _follow(logs: dict[str, Path], console: Console) -> None:
    """Until a signal: show what the logs gain, or nothing."""
    colours = ("cyan", "magenta", "green", "blue", "yellow", "red")
    with ExitStack() as files:
        tails = [
            (
                name,
                colours[index % len(colours)],
                files.enter_context(path.open("r", encoding="utf-8", errors="replace")),
            )
            for index, (name, path) in enumerate(logs.items())
        ]
        for _, _, tail in tails:
            tail.seek(0, os.SEEK_END)
        while True:
            for name, colour, tail in tails:
                for line in tail:
                    console.print(f"[{colour}]{name:>9} |[/] {escape(line.rstrip())}", soft_wrap=True, highlight=False)
            time.sleep(POLL_SECONDS)


def _quietly_stopping(supervisor: Supervisor, console: Console) -> None:
    with console.status("Stopping"), _uninterrupted():
        supervisor.stop()


def _stop_servers(home: Path, console: Console) -> None:
    with console.status("Stopping PostgreSQL and Redis"), _uninterrupted():
        stop_embedded(home)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _StopError


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C must not leave half of it running: signals are remembered and answered afterwards."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _frame: came.append(got)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise _StopError

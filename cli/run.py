"""`haat api`, `worker`, `relay`, `migrate` and `env`: the processes of the Procfile, one by one."""

import os
import shutil
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from adapters.embedded import remove_embedded
from adapters.settings import Settings, SettingsError, load_settings
from cli.http_client import HaatError
from cli.nothing_runs import nothing_runs
from cli.stack import home_of, importable, is_running, read_stack, running_stack
from cli.up import UpError, bring_up_to_date


def api(
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Instead of HAAT_PORT.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Instead of HAAT_API_WORKERS.")] = None,
) -> None:
    """Serve the HTTP API."""
    if port is not None:
        os.environ["HAAT_PORT"] = str(port)
    settings = _settings()
    command = granian_command(
        "api.app:create_app",
        host=settings.host,
        port=settings.port,
        workers=workers or settings.api_workers,
        log_level=settings.log_level,
    )
    # exec: signals and exit codes are the server's own.
    os.execvpe(command[0], command, importable(os.environ))  # noqa: S606 - our own interpreter, no shell wanted


def granian_command(application: str, *, host: str, port: int, workers: int, log_level: str) -> list[str]:
    """How an application factory is served; the benchmarks serve their floor in the same way."""
    return [
        sys.executable, "-P", "-m", "api.serve", application, "--factory",
        "--interface", "asgi", "--loop", "uvloop", "--runtime-mode", "st", "--no-ws",
        "--host", host, "--port", str(port), "--workers", str(workers),
        # Back-pressure counts open connections, idle ones and event streams too: the default hangs the 257th.
        "--backlog", "4096", "--backpressure", "4096",
        "--respawn-failed-workers", "--workers-kill-timeout", "30",
        "--log-level", log_level, "--no-access-log",
    ]  # fmt: skip


def worker(
    concurrency: Annotated[int | None, typer.Option("--concurrency", min=1, help="Jobs at the same time.")] = None,
) -> None:
    """Run background jobs."""
    _settings()
    # Polars takes a third of a second to load, which no other command should wait for.
    from workers.main import main

    main(concurrency=concurrency)


def relay() -> None:
    """Send announced events to the queue and render books."""
    _settings()
    # For the same reason as in `worker`.
    from workers.relay import main

    main()


def migrate() -> None:
    """Bring the database to the newest schema, and make the first organisation where the settings ask for one."""
    try:
        bring_up_to_date(_settings(as_owner=True))
    except (UpError, HaatError) as error:
        _fail(str(error))


def clean() -> None:
    """Stop the embedded servers of this HAAT_HOME and delete their data and everything else in it."""
    home = home_of(os.environ)
    if is_running(home):
        _fail(f"Haat is running in {home}. Stop it first.")
    remove_embedded(home)
    shutil.rmtree(home)


def env(key: Annotated[str | None, typer.Argument(help="Print only this one's value.")] = None) -> None:
    """Print the addresses of the running stack as KEY=VALUE lines."""
    values = _addresses()
    if key is None:
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in values.items()))
    elif key in values:
        sys.stdout.write(values[key] + "\n")
    else:
        _fail(f"{key} is not one of {', '.join(values)}.")


def _addresses() -> dict[str, str]:
    home = home_of(os.environ)
    if (stack := running_stack(home)) is not None:
        return stack.environment
    if not os.environ.get("DATABASE_URL"):
        killed = " It was killed; starting it again takes it up where it was." if read_stack(home) else ""
        _fail(
            f"Nothing runs in {home}.{killed} Start it with `make run` or `haat up`, or set DATABASE_URL and REDIS_URL."
        )
    settings = _settings(as_owner=True)
    return {
        "DATABASE_URL": settings.database_url,
        "DATABASE_APP_URL": settings.database_app_url,
        "REDIS_URL": settings.redis_url,
        "REDIS_READ_URL": settings.redis_read_url,
        "HAAT_URL": settings.url,
    }


def _settings(*, as_owner: bool = False) -> Settings:
    try:
        return load_settings(os.environ, as_owner=as_owner)
    except SettingsError as error:
        _fail(str(nothing_runs(error, os.environ) or error))


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)

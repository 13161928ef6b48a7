"""`haat doctor`: what is wrong with this set-up, in plain words, and what to do about it."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import asyncpg
import msgspec
import typer
from alembic.config import Config
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError
from rich.console import Console
from rich.markup import escape

from adapters.postgres.migrate import CHECKOUT
from adapters.redis.client import open_redis
from adapters.settings import Settings, SettingsError, load_settings
from cli.nothing_runs import nothing_runs

SKEW_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 15
# Three signs of life missed.
QUIET_SECONDS: Final = 9
LATE_SECONDS: Final = 10
FREE_BYTES: Final = 1024**3
FREE_SHARE: Final = 0.05
POSTGRES_MAJOR: Final = 18

_SIGNS: Final = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "fault": "[red]✗[/]"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: how it is, and what to do when it is not well."""

    state: Literal["ok", "warning", "fault"]
    what: str
    remedy: str = ""


def doctor() -> None:
    """Look at everything that Haat needs, and say what is wrong; ends with 1 when something is broken."""
    console = Console()
    findings = asyncio.run(_examine(os.environ, lambda one: _show(console, one)))
    faults = sum(one.state == "fault" for one in findings)
    warnings = sum(one.state == "warning" for one in findings)
    if faults:
        console.print(f"\n[red]{faults} thing{'s' * (faults != 1)} to mend[/], {warnings} to look at.")
        raise typer.Exit(1)
    console.print("\n[green]All is well.[/]" if not warnings else f"\nIt works; {warnings} to look at.")


def _show(console: Console, one: Finding) -> None:
    console.print(f"{_SIGNS[one.state]} {escape(one.what)}", highlight=False, soft_wrap=True)
    if one.remedy:
        console.print(f"  [dim]→[/] {escape(one.remedy)}", highlight=False, soft_wrap=True)


async def _examine(environ: Mapping[str, str], show: Callable[[Finding], None]) -> list[Finding]:
    findings: list[Finding] = []
    async for finding in _findings(environ):
        show(finding)
        findings.append(finding)
    return findings


async def _findings(environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    try:
        settings = load_settings(environ, as_owner=True)
    except SettingsError as error:
        if (nothing := nothing_runs(error, environ)) is not None:
            yield Finding("fault", nothing.what, nothing.remedy)
            return
        for problem in error.problems:
            yield Finding("fault", problem, "Correct it in the environment; .env.example explains every variable.")
        return
    yield Finding("ok", f"The settings are valid ({settings.environment}).")
    connection = None
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        yield Finding(
            "fault",
            f"PostgreSQL cannot be reached at {_place(settings.database_url)}: {error or type(error).__name__}",
            "Start it, or correct DATABASE_URL. `haat up` starts one of its own when DATABASE_URL is not set.",
        )
    if connection is not None:
        try:
            async for finding in _postgres(connection, settings):
                yield finding
        finally:
            await connection.close()
    async for finding in _redis(settings):
        yield finding
    for finding in _disks(settings):
        yield finding


async def _postgres(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[Finding]:
    major = connection.get_server_version().major
    yield (
        Finding("ok", f"PostgreSQL {major} answers at {_place(settings.database_url)}.")
        if major >= POSTGRES_MAJOR
        else Finding("fault", f"PostgreSQL is version {major}; Haat needs {POSTGRES_MAJOR}.", "Upgrade the server.")
    )
    yield _skew("PostgreSQL", (await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")))
    current = await connection.fetchval("SELECT to_regclass('alembic_version')") and set(
        await connection.fetchval("SELECT array_agg(version_num) FROM alembic_version") or ()
    )
    head = set(ScriptDirectory.from_config(Config(str(CHECKOUT / "alembic.ini"))).get_heads())
    if current != head:
        yield Finding(
            "fault", f"The schema is at {_names(current)}, the code needs {_names(head)}.", "Run `haat migrate`."
        )
        return
    yield Finding("ok", "The schema is up to date.")
    if not await connection.fetchval("SELECT show_trgm('মিরপুর') <> '{}'"):
        yield Finding(
            "fault",
            "The database's locale knows no letters beyond ASCII: no search for a Bangla name uses an index.",
            "Make the database anew with a UTF-8 locale, such as `initdb --locale=C.UTF-8 --encoding=UTF8`.",
        )
    yield await _login(settings)
    async for finding in _processes(connection):
        yield finding


async def _login(settings: Settings) -> Finding:
    try:
        connection = await asyncpg.connect(settings.database_app_url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        return Finding(
            "fault",
            f"The application cannot log in to PostgreSQL: {error}",
            "Correct DATABASE_APP_URL, or run `haat migrate`, which makes the login.",
        )
    try:
        row = await connection.fetchrow(
            "SELECT rolname, rolsuper OR rolbypassrls AS mighty, EXISTS (SELECT FROM pg_tables WHERE"
            " schemaname = 'public' AND tableowner = current_user) AS owns FROM pg_roles WHERE rolname = current_user"
        )
    finally:
        await connection.close()
    if row["mighty"] or row["owns"]:
        return Finding(
            "fault",
            f"DATABASE_APP_URL logs in as {row['rolname']}, whom row-level security does not bind.",
            "Use the login haat_app that `haat migrate` makes.",
        )
    return Finding("ok", f"The application logs in as {row['rolname']}, bound by row-level security.")


async def _processes(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    alive = {
        row["kind"]: row
        for row in await connection.fetch(
            "SELECT kind, count(*), extract(epoch FROM now() - min(seen_at))::float8 AS silent FROM workers"
            " WHERE seen_at > now() - make_interval(secs => $1) GROUP BY kind",
            float(SILENT_SECONDS),
        )
    }
    waits = {
        "worker": "imports and assignments wait until one runs",
        "relay": "events wait, and books that others changed grow stale, until one runs",
    }
    for kind, consequence in waits.items():
        if (seen := alive.get(kind)) is not None:
            yield _heard_of(kind, seen["count"], seen["silent"])
        else:
            yield Finding("fault", f"No {kind} is alive: {consequence}.", f"Start `haat {kind}`, or `haat up`.")
    late = await connection.fetchval(
        "SELECT count(*) FROM outbox WHERE relayed_at IS NULL AND created_at < now() - make_interval(secs => $1)",
        float(LATE_SECONDS),
    )
    if late:
        yield Finding(
            "warning",
            _counted(late, "event has", "events have") + f" waited for over {LATE_SECONDS} s.",
            "See the relay's log.",
        )
    dead = await connection.fetchval("SELECT count(*) FROM deliveries WHERE state = 'dead'")
    if dead:
        yield Finding(
            "warning",
            _counted(dead, "delivery was", "deliveries were") + " given up.",
            "`haat jobs dead` lists them, `resend` repeats.",
        )
    queued = await connection.fetchval("SELECT count(*) FROM jobs WHERE state = 'queued'")
    if queued:
        yield Finding(
            "warning",
            _counted(queued, "job is", "jobs are") + " queued.",
            "`haat jobs list` tells what each waits for.",
        )


def _heard_of(kind: str, count: int, silent: float) -> Finding:
    """A process tells of itself every 3 seconds; one that is killed cannot say goodbye."""
    who = f"{count} {kind}{'s' * (count != 1)}"
    if silent < QUIET_SECONDS:
        return Finding("ok", f"{who} alive.")
    last = "last seen" if count == 1 else "one of them last seen"
    return Finding(
        "warning",
        f"{who}, {last} {silent:.0f} s ago: it may have been killed.",
        "`haat workers` tells which; Haat knows for certain 15 s after the last sign of life.",
    )


async def _redis(settings: Settings) -> AsyncIterator[Finding]:
    names = {"REDIS_URL": settings.redis_url}
    if settings.redis_read_url != settings.redis_url:
        names["REDIS_READ_URL"] = settings.redis_read_url
    for variable, url in names.items():
        client = open_redis(url)
        try:
            info = await client.info()
            seconds, micros = await client.time()
            size = await client.dbsize()
        except (RedisError, OSError, TimeoutError) as error:
            yield Finding(
                "fault",
                f"Redis cannot be reached at {_place(url)}: {error}",
                f"Start it, or correct {variable}. Reads come from PostgreSQL meanwhile; jobs wait.",
            )
            continue
        finally:
            await client.aclose()
        yield Finding("ok", f"Redis {info['redis_version']} answers at {_place(url)}.")
        yield _skew("Redis", seconds + micros / 1e6)
        if size == 0:
            yield Finding(
                "warning",
                f"Redis at {_place(url)} is empty: it is new, or was flushed.",
                "Nothing is lost: reads refill it, the sweeper re-sends jobs; `haat rebuild` refills all books.",
            )
        policy = info.get("maxmemory_policy", "noeviction")
        if variable == "REDIS_URL" and policy != "noeviction":
            yield Finding("fault", f"The queue's Redis evicts keys ({policy}).", "Set maxmemory-policy noeviction.")


def _disks(settings: Settings) -> list[Finding]:
    folders = {"HAAT_HOME": settings.home}
    storage = urlsplit(settings.storage_url)
    if storage.scheme == "file":
        folders["HAAT_STORAGE_URL"] = Path(unquote(storage.path))
    return [_disk(variable, folder) for variable, folder in folders.items()]


def _disk(variable: str, folder: Path) -> Finding:
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(existing, os.W_OK):
        return Finding("fault", f"{folder} cannot be written to.", f"Correct its rights, or {variable}.")
    usage = shutil.disk_usage(existing)
    if usage.free < FREE_BYTES or usage.free < usage.total * FREE_SHARE:
        return Finding(
            "fault" if usage.free < FREE_BYTES // 10 else "warning",
            f"The disk of {folder} is nearly full: {usage.free / 1e9:.1f} GB free.",
            f"Free some space, or move {variable} to a larger disk.",
        )
    return Finding("ok", f"{usage.free / 1e9:.0f} GB free for {folder}.")


def _skew(whose: str, their_seconds: float) -> Finding:
    skew = their_seconds - time.time()
    if abs(skew) < SKEW_SECONDS:
        return Finding("ok", f"The clocks of this machine and {whose} agree.")
    direction = "behind" if skew > 0 else "ahead of"
    return Finding(
        "fault",
        f"This machine's clock is {abs(skew):.1f} s {direction} {whose}'s: tokens may be refused.",
        "Let both machines follow a time server (NTP).",
    )


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _names(revisions: set[str] | None) -> str:
    return ", ".join(sorted(revisions)) if revisions else "nothing"


def _place(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return unquote(url)
    return unquote(url.replace(f":{parts.password}@", ":…@", 1))

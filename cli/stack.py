"""The stack that `haat up` runs in a HAAT_HOME: its lock, its record, and how other commands find it."""

import fcntl
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from adapters.settings import CHECKOUT

DATABASES = ("DATABASE_URL", "DATABASE_APP_URL")
QUEUES = ("REDIS_URL", "REDIS_READ_URL")


class HomeInUseError(Exception):
    """Another `haat up` runs in this HAAT_HOME."""


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A started process; the time tells it from a later one with the same number."""

    name: str
    pid: int
    started: float


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """What HAAT_HOME/running.json records of the running stack."""

    pid: int
    environment: dict[str, str]
    children: tuple[Child, ...] = ()


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Keep HAAT_HOME for this process until it ends, however it ends; HomeInUseError when another has it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stack = read_stack(home)
            where = f" (process {stack.pid}, {stack.environment.get('HAAT_URL', '')})" if stack else ""
            raise HomeInUseError(
                f"Haat is already running in {home}{where}. "
                "Stop it with Ctrl-C there, or start this one with another HAAT_HOME and HAAT_PORT."
            ) from None
        yield


def is_running(home: Path) -> bool:
    """Whether a `haat up` holds this home."""
    try:
        with (home / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def read_stack(home: Path) -> Stack | None:
    """The record as it stands, be the stack running or killed; None when there is none to read."""
    try:
        return msgspec.json.decode((home / "running.json").read_bytes(), type=Stack)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_stack(home: Path, stack: Stack) -> None:
    partial = home / "running.json.partial"
    partial.touch(mode=0o600)
    partial.write_bytes(msgspec.json.encode(stack))
    partial.replace(home / "running.json")


def forget_stack(home: Path) -> None:
    (home / "running.json").unlink(missing_ok=True)


def running_stack(home: Path) -> Stack | None:
    """The record of the stack that runs now; None when none runs."""
    return read_stack(home) if is_running(home) else None


def home_of(environ: Mapping[str, str]) -> Path:
    given = environ.get("HAAT_HOME", "").strip()
    return Path(given).expanduser().absolute() if given else CHECKOUT / ".haat"


def join_running_stack(environ: MutableMapping[str, str]) -> None:
    """Fill in the addresses of the running stack, so that a command started by hand works on the same data.

    A server that the environment names stays alone: its owner's and its application's address belong together.
    """
    if environ.get("HAAT_ENV") == "production" or (stack := running_stack(home_of(environ))) is None:
        return
    for group in (DATABASES, QUEUES):
        if not environ.get(group[0]):
            environ.update({name: stack.environment[name] for name in group if name in stack.environment})


def read_env_file(environ: MutableMapping[str, str], path: Path = CHECKOUT / ".env") -> None:
    """Take `KEY=VALUE` lines of `.env` for variables that the environment does not set."""
    if not path.is_file():
        return
    for line in path.read_text("utf-8").splitlines():
        name, found, value = line.strip().partition("=")
        if found and not name.startswith("#"):
            environ.setdefault(name.strip(), _unquoted(value.strip()))


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def importable(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the checkout on the path of whatever interpreter a process of ours starts."""
    return dict(environ) | {"PYTHONPATH": os.pathsep.join(filter(None, [str(CHECKOUT), environ.get("PYTHONPATH")]))}


def apply_environment() -> None:
    """What every command except `haat up` begins with."""
    read_env_file(os.environ)
    join_running_stack(os.environ)

"""Server processes found, told apart from strangers with the same number, and ended."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

POLL_SECONDS = 0.02


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def serves(pid: int, program: str, folder: Path | None) -> bool:
    """Whether `pid` is a live `program` that works in `folder` (None: in any): servers move into their data folder.

    A pid file says little by itself: after a reboot or a kill its number may belong to anything.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or not process.name().startswith(program):
            return False
        return folder is None or _works_in(process, folder)
    except (psutil.Error, OSError):
        return False


def _works_in(process: psutil.Process, folder: Path) -> bool:
    magic = Path(f"/proc/{process.pid}/cwd")
    if magic.parent.exists():
        # By inode: the path of a folder that was deleted and made again would look the same.
        return magic.samefile(folder)
    return os.path.realpath(process.cwd()) == os.path.realpath(folder)


def serving(program: str, folder: Path) -> list[int]:
    """Every live process of `program` in `folder`, children included."""
    return [process.pid for process in psutil.process_iter() if serves(process.pid, program, folder)]


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Poll until `done()` holds; False when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end(pid: int, *steps: tuple[signal.Signals, float]) -> None:
    """Ask a process to stop, ever less politely: each step is a signal and the seconds it is given."""
    for number, seconds in (*steps, (signal.SIGKILL, 10.0)):
        send(pid, number)
        if wait_until(lambda: not is_alive(pid), seconds):
            return
    raise TimeoutError(f"process {pid} does not end, not even by SIGKILL")

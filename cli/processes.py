"""Start, watch and stop the long-running processes of `haat up`."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from adapters.settings import CHECKOUT
from cli.stack import Child

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1
LARGEST_LOG_BYTES = 20_000_000


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One process to keep running."""

    name: str
    command: tuple[str, ...]


def read_procfile(path: Path = CHECKOUT / "Procfile") -> dict[str, tuple[str, ...]]:
    """The commands by process type; `haat` means this very installation."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        name, separator, command = line.partition(":")
        if separator and not line.startswith("#"):
            words = shlex.split(command)
            haat = (sys.executable, "-P", "-m", "cli") if words[0] == "haat" else (words[0],)
            found[name.strip()] = (*haat, *words[1:])
    return found


class Supervised:
    """A program, its process of the moment, and when it may be started again."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = FIRST_PAUSE
        self.start_at = 0.0
        self.ends = 0

    def start(self, environment: Mapping[str, str]) -> None:
        """In a session of its own: Ctrl-C reaches only the supervisor, which stops all in order."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the commands of our own Procfile
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        self.started = time.monotonic()

    def child(self) -> Child | None:
        if self.process is None or self.process.returncode is not None:
            return None
        try:
            started = psutil.Process(self.process.pid).create_time()
        except psutil.NoSuchProcess:
            return None
        return Child(name=self.program.name, pid=self.process.pid, started=started)


class Supervisor:
    """Keeps every program running from `start` to `stop`; one that ends is started again, ever later."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        logs: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        changed: Callable[[tuple[Child, ...]], None],
    ) -> None:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._supervised = [Supervised(program, logs / f"{program.name}.log") for program in programs]
        self._environment = dict(environment)
        self._say = say
        self._changed = changed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    @property
    def logs(self) -> dict[str, Path]:
        return {each.program.name: each.log for each in self._supervised}

    def ends(self, name: str) -> int:
        """How often the program has ended by itself."""
        return sum(each.ends for each in self._supervised if each.program.name == name)

    def start(self) -> None:
        for each in self._supervised:
            each.start(self._environment)
        self._record()
        self._thread.start()

    def stop(self) -> None:
        """End all at once: SIGTERM, and SIGKILL to the whole process group of whatever stays."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        processes = [each.process for each in self._supervised if each.process is not None]
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"process {process.pid} does not stop by itself; it is ended")
            kill_group(process.pid)
            process.wait()

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for each in self._supervised:
                try:
                    self._look_after(each)
                except OSError as error:  # a full disk, no more processes: it may pass
                    each.start_at = time.monotonic() + each.pause
                    self._say(f"{each.program.name} cannot be started: {error}; tried again in {each.pause:g} s")

    def _look_after(self, each: Supervised) -> None:
        if each.process is None:
            if time.monotonic() >= each.start_at:
                each.start(self._environment)
                self._record()
            return
        code = each.process.poll()
        if code is None:
            if time.monotonic() - each.started > STEADY_SECONDS:
                each.pause = FIRST_PAUSE
            return
        # Its own children (the API's workers) must not keep the port.
        kill_group(each.process.pid)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        self._say(f"{each.program.name} {how}; it starts again in {each.pause:g} s (log: {each.log})")
        each.process = None
        each.ends += 1
        each.start_at = time.monotonic() + each.pause
        each.pause = min(LONGEST_PAUSE, each.pause * 2)

    def _record(self) -> None:
        self._changed(tuple(child for each in self._supervised if (child := each.child()) is not None))


def leftovers(children: Sequence[Child]) -> list[str]:
    """The names of those that still run."""
    return [child.name for child in children if _runs(child)]


def end_leftovers(children: Sequence[Child]) -> list[str]:
    """Stop what a killed supervisor left running; returns the names."""
    ended = []
    for child in children:
        if child.started < psutil.boot_time():
            continue
        try:
            process = psutil.Process(child.pid)
            if abs(process.create_time() - child.started) > 1:
                continue
            process.terminate()
            process.wait(STOP_SECONDS)
            ended.append(child.name)
        except (psutil.NoSuchProcess, psutil.TimeoutExpired):
            # Its own children may live on in its group; the number is not given to others while they do.
            pass
        kill_group(child.pid)
    return ended


def _runs(child: Child) -> bool:
    try:
        process = psutil.Process(child.pid)
        return abs(process.create_time() - child.started) <= 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_group(leader: int) -> None:
    """SIGKILL to whatever is left of the process group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM for a group of which only unreaped processes are left.
        return

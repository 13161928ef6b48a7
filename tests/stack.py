"""A whole Haat of real processes: its own servers, an API, workers and a relay, each of which can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from adapters.embedded import (
    EmbeddedServers,
    kill_postgres,
    kill_redis,
    remove_embedded,
    start_embedded,
    start_postgres,
    start_redis,
    stop_embedded,
)
from adapters.postgres.migrate import migrate
from tests.architecture.tree import ROOT

T = TypeVar("T")

# On, and out of the way: tests upload in a minute what people upload in a day.
LIMITS = ",".join(f"{kind}=100000000/minute" for kind in ("login", "refresh", "read", "write", "upload"))


class Stack:
    """Starts, kills and restarts what makes up an installation; logs go to files in `home`."""

    def __init__(self, home: Path, *, apis: int = 1, workers: int = 2, fast: bool = True) -> None:
        self.home = home
        self._fast = fast
        self.servers: EmbeddedServers = start_embedded(home, fast=fast)
        migrate(self.servers.database_url)
        self._ports = {"api" if number == 0 else f"api-{number}": free_port() for number in range(apis)}
        self.port = self._ports["api"]
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports.values()]
        self.url = self.urls[0]
        self.names = [*self._ports, "relay", *(f"worker-{number}" for number in range(workers))]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str = "api") -> dict[str, str]:
        """What this process of the stack is told."""
        ours = ("HAAT_", "DATABASE_", "REDIS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "HAAT_HOME": str(self.home),
            "HAAT_PORT": str(self._ports.get(name, self.port)),
            "HAAT_LOG_LEVEL": "info",
            "HAAT_LIMITS": LIMITS,
            "DATABASE_URL": self.servers.database_url,
            "DATABASE_APP_URL": self.servers.database_app_url,
            "REDIS_URL": self.servers.redis_url,
            "REDIS_READ_URL": self.servers.redis_read_url,
        }

    def start(self, *names: str) -> None:
        """Start the named processes, all when none is named; the API answers when this returns."""
        for name in names or self.names:
            command = [sys.executable, "-m", "cli", name.partition("-")[0]]
            with (self.home / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    command, cwd=ROOT, env=self.environment(name), stdout=log, stderr=log, start_new_session=True
                )
        if not names or not self._ports.keys().isdisjoint(names):
            until(self._is_ready, what="the API to be ready")

    def kill(self, name: str) -> None:
        """SIGKILL, to the process and all it started."""
        if name == "postgres":
            kill_postgres(self.home)
        elif name == "redis":
            kill_redis(self.home)
        else:
            process = self._processes.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def kill_everything(self) -> None:
        """As in a power cut."""
        for name in [*self._processes, "redis", "postgres"]:
            self.kill(name)

    def named(self, pid: int) -> str:
        """The name of the process with that pid."""
        return next(name for name, process in self._processes.items() if process.pid == pid)

    def restart(self, *names: str) -> None:
        """Bring back what was killed, as a supervisor would, and whatever ended because of it; the API is ready."""
        if "postgres" in names:
            start_postgres(self.home, fast=self._fast)
        if "redis" in names:
            start_redis(self.home, fast=self._fast)
        self.revive()
        until(self._is_ready, what="the API to be ready again")

    def revive(self) -> None:
        """Start every process that is not running."""
        gone = [name for name in self.names if name not in self._processes or self._processes[name].poll() is not None]
        if gone:
            self.start(*gone)

    def haat(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the `haat` command against this stack."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=ROOT,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def stop(self) -> None:
        """SIGTERM to all; whoever is still there after ten seconds is killed and reported."""
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        late = []
        for name, process in self._processes.items():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                late.append(name)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        stop_embedded(self.home)
        assert late == [], f"did not stop within ten seconds: {late}"

    def story(self, *, lines: int = 40) -> str:
        """What the processes have said last, and whether they live: for whoever has to find out why a test failed."""
        told = []
        for name, process in self._processes.items():
            log = self.home / f"{name}.log"
            last = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
            state = "running" if process.poll() is None else f"ended with {process.returncode}"
            told += [f"---- {name}, pid {process.pid}, {state}", *(line[:500] for line in last)]
        return "\n".join(told)

    def _is_ready(self) -> bool:
        try:
            return all(httpx.get(f"{url}/health/ready", timeout=2).status_code == 200 for url in self.urls)
        except httpx.TransportError:
            return False


@contextmanager
def running_stack(*, apis: int = 1, workers: int = 2, fast: bool = True) -> Iterator[Stack]:
    """A stack that is gone afterwards, with everything it stored."""
    home = Path(tempfile.mkdtemp(prefix=f"haat-tests-{os.getpid()}-"))
    try:
        stack = Stack(home, apis=apis, workers=workers, fast=fast)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
    finally:
        remove_embedded(home)
        shutil.rmtree(home, ignore_errors=True)


def until(condition: Callable[[], T], *, what: str, seconds: float = 60) -> T:
    """The first true value of `condition`, asked again and again; fails when there is none within the time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return value


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

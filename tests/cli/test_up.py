"""`haat up` keeps everything running, stops all of it, and comes back after a kill of everything."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from adapters.embedded import remove_embedded, running_embedded
from adapters.embedded.processes import is_alive, wait_until
from cli.stack import Stack, importable, is_running, read_stack

START_SECONDS = 90.0
pytestmark = pytest.mark.faults


class Up:
    """One `haat up` in a home of its own, with its screen."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.environment = importable(os.environ) | {
            "HAAT_HOME": str(home),
            "HAAT_PORT": str(port),
            "HAAT_WORKERS": "1",
            "HAAT_DEMO_RETAILERS": "0",
            "NO_COLOR": "1",
            "COLUMNS": "500",
        }
        self.process: subprocess.Popen[str] | None = None

    def haat(self, *words: str, **change: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "cli", *words],
            env=self.environment | change,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    def start(self) -> Stack:
        with (self.home.parent / "screen.log").open("a") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cli", "up"],
                env=self.environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                text=True,
            )
        served = wait_until(lambda: "Ctrl-C stops everything" in self.screen() or self.ended(), START_SECONDS)
        assert served, self.screen()
        assert not self.ended(), self.screen()
        stack = read_stack(self.home)
        assert stack is not None
        return stack

    def screen(self) -> str:
        return (self.home.parent / "screen.log").read_text()

    def clear_screen(self) -> None:
        (self.home.parent / "screen.log").write_text("")

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def child(self, name: str) -> int:
        stack = read_stack(self.home)
        assert stack is not None
        return next((child.pid for child in stack.children if child.name == name), 0)

    def everything(self) -> list[int]:
        """The supervisor, its processes with theirs, and the servers."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        servers = running_embedded(self.home)
        assert servers is not None
        return [self.process.pid, *(each.pid for each in family), servers.postgres_pid or 0, servers.redis_pid or 0]

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    up = Up(tmp_path / "home", port)
    yield up
    if not up.ended():
        up.stop()
    remove_embedded(up.home)


def test_it_serves_tells_its_addresses_and_stops_without_a_trace(up: Up) -> None:
    up.start()
    assert up.answers()
    printed = dict(line.split("=", 1) for line in up.haat("env").stdout.splitlines())
    assert printed.keys() == {"DATABASE_URL", "DATABASE_APP_URL", "REDIS_URL", "REDIS_READ_URL", "HAAT_URL"}
    assert up.haat("env", "DATABASE_URL").stdout == printed["DATABASE_URL"] + "\n"
    assert printed["HAAT_URL"] == f"http://127.0.0.1:{up.port}"
    running = up.everything()
    began = time.monotonic()
    assert up.stop() == 0
    assert time.monotonic() - began < 10
    assert not any(is_alive(pid) for pid in running)
    assert not up.answers()
    refused = up.haat("env")
    assert refused.returncode == 1
    assert "Nothing runs" in refused.stderr


def test_a_second_one_in_the_same_home_says_that_one_is_running(up: Up) -> None:
    up.start()
    second = up.haat("up", HAAT_PORT="1")
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert f"process {up.process.pid if up.process else 0}" in second.stderr
    assert up.answers()


def test_a_busy_port_names_the_variable(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.port))
        taken.listen()
        refused = up.haat("up")
    assert refused.returncode == 1
    assert "HAAT_PORT" in refused.stderr
    assert running_embedded(up.home) is None


def test_wrong_settings_are_all_named_before_anything_starts(up: Up) -> None:
    refused = up.haat("up", HAAT_WORKERS="many", HAAT_API_WORKERS="0", HAAT_RESPONSE_CACHE_BYTES="lots")
    assert refused.returncode == 1
    assert all(name in refused.stderr for name in ("HAAT_WORKERS", "HAAT_API_WORKERS", "HAAT_RESPONSE_CACHE_BYTES"))
    assert "Traceback" not in refused.stderr
    assert not is_running(up.home)


def test_processes_that_die_are_started_again(up: Up) -> None:
    up.start()
    first = {name: up.child(name) for name in ("api", "relay", "worker-1")}
    for pid in first.values():
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: all(up.child(name) not in {0, pid} for name, pid in first.items()), 30), up.screen()
    assert all(f"{name} was ended by SIGKILL" in up.screen() for name in first)
    assert wait_until(up.answers, 30)


def test_it_comes_back_after_a_kill_of_everything(up: Up) -> None:
    up.start()
    address = up.haat("env", "DATABASE_URL").stdout
    for pid in up.everything():
        os.kill(pid, signal.SIGKILL)
    assert up.process is not None
    up.process.wait(10)
    up.clear_screen()
    up.start()
    assert up.haat("env", "DATABASE_URL").stdout == address
    assert up.answers()


def test_it_ends_what_a_killed_supervisor_left_and_takes_over_its_servers(up: Up) -> None:
    up.start()
    assert up.process is not None
    left = {name: up.child(name) for name in ("api", "relay", "worker-1")}
    before = running_embedded(up.home)
    up.process.kill()
    up.process.wait(10)
    assert up.answers()
    up.clear_screen()
    up.start()
    assert not any(is_alive(pid) for pid in left.values())
    assert running_embedded(up.home) == before
    assert "Ended what a killed run left" in up.screen()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_leaves_nothing_behind(up: Up, sent: signal.Signals) -> None:
    with (up.home.parent / "screen.log").open("a") as screen:
        up.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "up"],
            env=up.environment,
            cwd="/",
            stdout=screen,
            stderr=screen,
            text=True,
        )
    assert wait_until(lambda: running_embedded(up.home) is not None, START_SECONDS), up.screen()
    up.process.send_signal(sent)
    assert up.process.wait(30) == 0
    assert running_embedded(up.home) is None
    assert "Traceback" not in up.screen()

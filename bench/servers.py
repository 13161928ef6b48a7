"""API processes with settings of their own, and the bare app, all served by the very same command."""

import base64
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import msgspec
import psutil

from bench.bare_app import Stored
from cli.run import granian_command
from tests.architecture.tree import ROOT
from tests.stack import Stack, free_port, until

# Granian's own: it puts them on every answer itself, on the floor's as on ours.
_SERVERS_OWN = frozenset({"server", "date", "connection", "transfer-encoding"})


@contextmanager
def api(stack: Stack, **settings: str) -> Iterator[tuple[str, int]]:
    """One more API process of the stack; its URL and its pid."""
    port = free_port()
    environment = {**stack.environment(), **settings, "HAAT_PORT": str(port)}
    with _served("api.app:create_app", environment, stack, port) as served:
        yield served


@contextmanager
def bare(stack: Stack, answer: Stored) -> Iterator[tuple[str, int]]:
    """The floor that returns the answer; its URL and its pid."""
    file = stack.home / f"answer-{free_port()}.json"
    file.write_bytes(msgspec.json.encode(answer))
    environment = {**os.environ, "BARE_ANSWER": str(file), "PYTHONPATH": str(ROOT)}
    with _served("bench.bare_app:create_app", environment, stack, free_port()) as served:
        yield served


def cpu_seconds(pid: int) -> float:
    """What the server's processes have worked so far: it says more than the clock where others work too."""
    times = [process.cpu_times() for process in psutil.Process(pid).children(recursive=True)]
    return sum(one.user + one.system for one in times)


def stored(status: int, headers: list[tuple[str, str]], body: bytes) -> Stored:
    """The same answer for the floor."""
    kept = [(name, value) for name, value in headers if name.lower() not in _SERVERS_OWN]
    return Stored(status=status, headers=kept, body=base64.b64encode(body).decode())


@contextmanager
def _served(application: str, environment: Mapping[str, str], stack: Stack, port: int) -> Iterator[tuple[str, int]]:
    level = environment.get("HAAT_LOG_LEVEL", "warning")
    command = granian_command(application, host="127.0.0.1", port=port, workers=1, log_level=level)
    with (stack.home / f"bench-{port}.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), what=f"{application} to answer")
        yield url, process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", timeout=1).status_code < 500
    except httpx.TransportError:
        return False

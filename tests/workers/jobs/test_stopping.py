"""Every process is gone within seconds of SIGTERM, whatever it does just then."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import httpx
import pytest

from adapters.settings import Settings
from tests.api.conftest import environment
from tests.architecture.tree import ROOT
from tests.conftest import Database
from tests.stack import free_port
from tests.workers.jobs.conftest import PASSWORD, Office, Process, eventually, relay_alone

# Three for the process; the rest for a machine that does much else.
GONE_SECONDS = 6
# From within the imports until after all has begun.
MOMENTS = (0.5, 0.9, 1.2, 1.5, 1.8, 2.1, 2.6)


class Start(Protocol):
    """Starts `haat <name>` in a process group of its own."""

    def __call__(self, name: str, *, port: int | None = None) -> Process: ...


@pytest.fixture
def haat(settings: Settings, database: Database, redis_url: str) -> Iterator[Start]:
    started: list[Process] = []

    def start(name: str, *, port: int | None = None) -> Process:
        port = port or free_port()
        env = {**os.environ, **environment(database, redis_url, settings.home), "HAAT_PORT": str(port)}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", name],
            env=env | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def gone(process: Process) -> int:
    """Its exit code, after it was told to stop as a terminal or a supervisor would: the whole group at once."""
    os.killpg(process.pid, signal.SIGTERM)
    begun = time.monotonic()
    code = await asyncio.to_thread(process.wait, 30)
    assert time.monotonic() - begun < GONE_SECONDS
    return code


@pytest.mark.parametrize("name", ["api", "worker", "relay"])
async def test_a_process_hears_sigterm_from_its_first_moment_on(name: str, haat: Start) -> None:
    async def live(seconds: float) -> int:
        process = haat(name)
        await asyncio.sleep(seconds)
        return await gone(process)

    for moments in (MOMENTS[:4], MOMENTS[4:]):
        codes = await asyncio.gather(*(live(seconds) for seconds in moments))
        # Before it can listen, the signal itself ends it.
        assert set(codes) <= {0, 1, -signal.SIGTERM}


async def test_an_open_stream_ends_when_the_api_is_told_to_stop(office: Office, haat: Start) -> None:
    job_id = await office.submit()
    port = free_port()
    process = haat("api", port=port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:

        async def token() -> str | None:
            try:
                who = {"login": office.founded.admin_login, "password": PASSWORD}
                return str((await client.post("/auth/login", json=who)).json()["access_token"])
            except httpx.TransportError:
                return None

        client.headers["Authorization"] = f"Bearer {await eventually(token)}"
        async with client.stream("GET", f"/jobs/{job_id}/events") as answer:
            lines = answer.aiter_lines()
            assert answer.status_code == 200
            while not (await anext(lines)).startswith("data:"):
                continue
            ending = asyncio.create_task(gone(process))
            # To its proper end: a connection that is cut off raises.
            assert [line async for line in lines if line.startswith("event: ended")] == []
    assert await ending == 0


async def test_a_thread_that_cannot_be_ended_keeps_no_worker(
    office: Office, settings: Settings, processes: Callable[[], Process]
) -> None:
    worker = processes()
    job_id = await office.submit(chunks=1, thread_seconds=60)
    async with relay_alone(settings):
        await office.working(job_id, step="split")
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, GONE_SECONDS) == 0
    # Given back by the worker, before the thread was left to its fate.
    assert [(one["state"], one["failures"]) for one in await office.chunks(job_id)] == [("queued", 0)]

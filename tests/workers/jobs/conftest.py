"""A running installation without the API: one relay and one worker in this process, more of them on demand."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
import pytest

from adapters.logs import configure_logs
from adapters.postgres.engine import open_engine
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.transaction import Tx
from adapters.settings import Settings, load_settings
from commands._run import Command, Handler, Runner
from domain.jobs import JobSubmitted, NewJob
from domain.shared.actor import Role, user_actor
from domain.shared.ids import new_id
from tests.api.conftest import environment
from tests.builders.jobs import KINDS
from tests.builders.organisations import Founded, found
from tests.conftest import Database
from workers.books import LeftToRelay
from workers.jobs.kind import JobKinds
from workers.machinery import Machinery
from workers.main import open_machinery, work
from workers.relay import keep_doing, relay_once
from workers.subscribers.listed import SUBSCRIBERS
from workers.subscribers.subscriber import Subscriber

configure_logs(level="warning", json_lines=True)

C = TypeVar("C", bound=Command)
R = TypeVar("R")

Process: TypeAlias = subprocess.Popen[bytes]

PASSWORD = "correct horse battery"
ENDED = {"succeeded", "failed", "cancelled", "undone"}


class Submit(Command, frozen=True, kw_only=True):
    """Any job."""

    job: NewJob


async def submit(command: Submit, tx: Tx) -> UUID:
    job = await job_store.insert_job(tx, command.job)
    tx.emit(JobSubmitted(job_id=job.id))
    return job.id


class Office:
    """Submits jobs for one organisation and looks at what becomes of them."""

    def __init__(self, runner: Runner, owner: asyncpg.Connection, founded: Founded) -> None:
        self.runner, self.owner, self.founded = runner, owner, founded
        self.tenant_id = founded.tenant_id
        self.actor = user_actor(
            tenant_id=founded.tenant_id, user_id=founded.admin_id, role=Role.ADMIN, session_id=new_id(), request_id=None
        )

    async def run(self, handler: Handler[C, R], command: C) -> R:
        return await self.runner(handler, command, actor=self.actor)

    async def submit(self, *, writes_retailers: bool = False, mode: str = "apply", **params: Any) -> UUID:
        params = {"chunks": 3, "rows": 2} | params
        new = NewJob(kind="import", subject="regions", mode=mode, params=params, writes_retailers=writes_retailers)
        return await self.run(submit, Submit(job=new))

    async def job(self, job_id: UUID) -> asyncpg.Record:
        return await self.owner.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)

    async def chunks(self, job_id: UUID) -> list[asyncpg.Record]:
        query = "SELECT * FROM chunks WHERE job_id = $1 ORDER BY number"
        rows: list[asyncpg.Record] = await self.owner.fetch(query, job_id)
        return rows

    async def regions(self) -> int:
        count: int = await self.owner.fetchval("SELECT count(*) FROM regions WHERE tenant_id = $1", self.tenant_id)
        return count

    async def ended(self, job_id: UUID, *, within: float = 30) -> asyncpg.Record:
        """The job once it has ended; its rows always add up."""

        async def look() -> asyncpg.Record | None:
            job = await self.job(job_id)
            return job if job["state"] in ENDED else None

        job = await eventually(look, within=within)
        parts = ("created", "updated", "unchanged", "rejected", "not_loaded")
        assert job["rows"] == sum(job[part] for part in parts)
        assert job["phase"] == "ended"
        assert await self.owner.fetchval("SELECT count(*) FROM leases WHERE job_id = $1", job_id) == 0
        return job

    async def working(self, job_id: UUID, *, step: str = "load") -> None:
        """Until a chunk of this step is under way."""

        async def look() -> bool:
            chunks = await self.chunks(job_id)
            return any(chunk["step"] == step and chunk["state"] == "running" for chunk in chunks)

        await eventually(look)


async def eventually(look: Callable[[], Awaitable[Any]], *, within: float = 20) -> Any:
    """What `look` gives as soon as it is true; fails after `within` seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not (seen := await look()):
        assert loop.time() < until, f"still {seen!r} after {within} s"
        await asyncio.sleep(0.05)
    return seen


@pytest.fixture(scope="module")
def settings(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(environment(database, redis_url, tmp_path_factory.mktemp("haat")))


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def offices(database: Database, owner: asyncpg.Connection) -> AsyncIterator[Callable[[], Awaitable[Office]]]:
    """Organisations, as many as a test asks for."""
    engine = open_engine(database.app_url, application_name="tests")

    async def nobody() -> None:
        return

    async def make() -> Office:
        return Office(Runner(engine, LeftToRelay(), nobody), owner, await found(database, password=PASSWORD))

    yield make
    await engine.dispose()


@pytest.fixture
async def office(offices: Callable[[], Awaitable[Office]]) -> Office:
    return await offices()


@asynccontextmanager
async def working(
    settings: Settings, *, kinds: JobKinds = KINDS, subscribers: tuple[Subscriber, ...] = SUBSCRIBERS, at_once: int = 2
) -> AsyncIterator[Machinery]:
    """One relay and one worker until the end of the block."""
    stop, woken = asyncio.Event(), asyncio.Event()
    async with open_machinery(settings, stop, concurrency=at_once, kinds=kinds) as machinery:

        async def relay() -> bool:
            return await relay_once(machinery.engine, machinery.queue, subscribers)

        tasks = [
            asyncio.create_task(work(machinery, settings.redis_url, concurrency=at_once, subscribers=subscribers)),
            asyncio.create_task(keep_doing("events", relay, stop, every=0.05, woken=woken)),
        ]
        try:
            yield machinery
        finally:
            stop.set()
            woken.set()
            await asyncio.gather(*tasks)


@asynccontextmanager
async def relay_alone(settings: Settings) -> AsyncIterator[None]:
    """A relay until the end of the block, and nobody in this process who works."""
    stop, woken = asyncio.Event(), asyncio.Event()
    async with open_machinery(settings, stop, concurrency=1, kinds=KINDS) as machinery:

        async def relay() -> bool:
            return await relay_once(machinery.engine, machinery.queue, SUBSCRIBERS)

        task = asyncio.create_task(keep_doing("events", relay, stop, every=0.05, woken=woken))
        try:
            yield
        finally:
            stop.set()
            woken.set()
            await task


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Machinery]:
    async with working(settings) as machinery:
        yield machinery


@pytest.fixture
def processes(settings: Settings, database: Database, redis_url: str) -> Iterator[Callable[[], Process]]:
    """Worker processes of their own, for tests that kill them."""
    started: list[Process] = []
    root = Path(__file__).parents[3]

    def start() -> Process:
        env = {**os.environ, **environment(database, redis_url, settings.home), "PYTHONPATH": str(root)}
        program = str(root / "tests/workers/jobs/worker_process.py")
        process = subprocess.Popen([sys.executable, program], env=env, cwd=root)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()

"""One leased piece of a job, as its steps see it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.files import Files
from adapters.postgres.stores import jobs as job_store
from adapters.postgres.stores import outbox as outbox_store
from adapters.postgres.transaction import Tx, transaction
from domain.jobs import ChunkCounts, ChunkDone, JobRow, Step
from domain.shared.actor import worker_actor

REPORT_SECONDS = 0.2

# (done, total, unit) -> shown to whoever watches the job
Reporter = Callable[[int, int | None, str | None], Awaitable[None]]


class Cancelled(Exception):  # noqa: N818  no error, but what somebody asked for
    """Somebody cancelled the job; the chunk stops and leaves nothing behind."""


class LeaseLost(Exception):  # noqa: N818  no error, but how a slow worker learns that it was replaced
    """Another attempt at this chunk exists or may soon; this one must not write."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed chunk; `attempt` tells this claim from every other one."""

    number: int
    step: Step
    attempt: int
    rows: int
    params: dict[str, Any]


class Work:
    """One claimed chunk and what it may use.

    `scratch` is a directory of its own that is deleted afterwards.
    """

    def __init__(
        self, *, job: JobRow, chunk: Chunk, engine: AsyncEngine, files: Files, scratch: Path, reporter: Reporter
    ) -> None:
        self.job = job
        self.chunk = chunk
        self.engine = engine
        self.files = files
        self.scratch = scratch
        self._reporter = reporter
        self._reported_at = 0.0
        self._stop: type[Cancelled | LeaseLost] | None = None

    @property
    def reason(self) -> type[Cancelled | LeaseLost] | None:
        """Why the step should stop, if it should."""
        return self._stop

    @property
    def stopping(self) -> bool:
        """Whether to stop soon; for threads, which nobody can cancel."""
        return self._stop is not None

    def stop(self, reason: type[Cancelled | LeaseLost]) -> None:
        """Ask the step to stop."""
        self._stop = self._stop or reason

    def check(self) -> None:
        """Raise Cancelled or LeaseLost when the step should stop."""
        if self._stop is not None:
            raise self._stop

    async def report(self, done: int, total: int | None = None, *, unit: str | None = None) -> None:
        """Tell how far this chunk is, in rows unless `unit` says otherwise; call it as often as you like."""
        now = time.monotonic()
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            await self._reporter(done, total, unit)

    @asynccontextmanager
    async def fenced(self, *, lock_timeout_ms: int = 5_000) -> AsyncIterator[Tx]:
        """A transaction as the organisation's worker that only the newest attempt can have.

        Its first statement locks the chunk. Raises LeaseLost when this attempt is no longer the newest.
        """
        self.check()
        async with transaction(self.engine, worker_actor(self.job.tenant_id), lock_timeout_ms=lock_timeout_ms) as tx:
            if not await job_store.lock_chunk(tx, self.job.id, self.chunk.number, attempt=self.chunk.attempt):
                raise LeaseLost
            yield tx
            await outbox_store.insert(tx, tx.announced)

    async def complete(self, tx: Tx, counts: ChunkCounts | None = None, *, replanned: bool = False) -> None:
        """Mark the chunk done in the transaction from `fenced`, as its last statement.

        `counts` of a load chunk must cover every row that was planned for it; `replanned`: the plan was an estimate.
        """
        counts = counts or ChunkCounts()
        if self.chunk.step == "load" and counts.rows != self.chunk.rows and not replanned:
            message = f"{self.chunk.rows} rows planned for chunk {self.chunk.number} of job {self.job.id}, got {counts}"
            raise AssertionError(message)
        stale = self.chunk.step == "load" and self.job.writes_retailers and not self.job.dry_run
        await job_store.complete_chunk(tx, self.job.id, self.chunk.number, counts, books_fresh=not stale)
        if self.chunk.step == "load":
            tx.emit(ChunkDone(job_id=self.job.id, number=self.chunk.number))

"""What a worker process holds open; `workers/main.py` builds it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.files import Files
from adapters.queue.arq_queue import Queue
from adapters.redis.job_progress import JobProgress
from adapters.redis.session_marks import SessionMarks
from commands._run import Runner
from commands.books.audit_books import BookAuditor
from workers.jobs.kind import JobKinds

# Brings the books of these SRs of one organisation up to date.
RenderBooks = Callable[[UUID, Sequence[UUID]], Awaitable[None]]


class Machinery(msgspec.Struct, kw_only=True):
    """One per worker process, from start-up to shutdown; `doing` names the chunks at work."""

    engine: AsyncEngine
    runner: Runner
    queue: Queue
    files: Files
    progress: JobProgress
    session_marks: SessionMarks
    kinds: JobKinds
    render_books: RenderBooks
    auditor: BookAuditor
    worker_id: UUID
    stop: asyncio.Event
    wake_relay: Callable[[], Awaitable[None]]
    doing: dict[tuple[UUID, int], str] = msgspec.field(default_factory=dict)

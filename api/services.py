"""What a running API process holds open; `api/app.py` builds it, routes reach it through `Caller`."""

import asyncio

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.body_digests import BodyDigests
from adapters.download_links import DownloadLinks
from adapters.environment import Network
from adapters.files import Files
from adapters.passwords import Passwords
from adapters.redis.failed_logins import FailedLogins
from adapters.redis.job_progress import JobProgress
from adapters.redis.request_counts import RequestCounts
from adapters.tokens import Tokens
from api.docs_readers import DocsReaders
from api.haat_version import VersionSeal
from api.job_events import LOOK_SECONDS
from api.session_verdicts import SessionVerdicts
from api.shared_looks import SharedLooks
from api.stored_answers import StoredAnswers
from commands._run import Runner
from queries._views import BookReader


class Services(msgspec.Struct, kw_only=True):
    """One per process, from start-up to shutdown."""

    engine: AsyncEngine
    runner: Runner
    queue: Redis
    views: Redis
    books: BookReader
    answers: StoredAnswers
    seal: VersionSeal
    tokens: Tokens
    body_digests: BodyDigests
    passwords: Passwords
    sessions: SessionVerdicts
    failed_logins: FailedLogins
    request_counts: RequestCounts
    files: Files
    job_progress: JobProgress
    download_links: DownloadLinks
    max_upload_bytes: int
    stopping: asyncio.Event
    trusted_proxies: tuple[Network, ...]
    metrics_token: str | None
    docs_open: bool
    docs_readers: DocsReaders = msgspec.field(default_factory=DocsReaders)
    looks: SharedLooks = msgspec.field(default_factory=lambda: SharedLooks(LOOK_SECONDS))

    async def redis_state(self) -> str:
        """`ok`, or `away` when one of the two does not answer."""
        try:
            await self.queue.ping()
            await self.views.ping()
        except (RedisError, OSError, TimeoutError):
            return "away"
        return "ok"

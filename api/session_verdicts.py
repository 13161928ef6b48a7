"""Whether a session is still good, known without a round trip for nearly every request.

A verdict is trusted for 800 ms from the start of the statement that gave it, so an ended session is refused within a
second in every process. The sessions in use are asked about together, in one statement every 250 ms.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import structlog
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.transaction import reading
from adapters.redis.session_marks import SessionMarks
from domain.sessions import SessionEnded
from domain.shared.actor import RELAY
from domain.shared.errors import Unavailable
from queries.sessions.good_sessions import good_sessions

log = structlog.get_logger()

TRUSTED_SECONDS: Final = 0.8
ASKED_EVERY_SECONDS: Final = 0.25
IN_USE_SECONDS: Final = 1.0
KNOWN_SECONDS: Final = 90.0
# After so long without an answer PostgreSQL counts as away.
PATIENCE_SECONDS: Final = 1.0
KEPT_GOOD_SECONDS: Final = 10.0

T = TypeVar("T")
# The organisation, then the session.
Key: TypeAlias = tuple[UUID, UUID]


@asynccontextmanager
async def open_verdicts(database_app_url: str, marks: SessionMarks) -> AsyncIterator["SessionVerdicts"]:
    """The verdicts of this process, over two connections of their own: a busy pool must not look like a dead server."""
    engine = open_engine(database_app_url, application_name="haat-api-sessions", pool_size=1, max_overflow=1)
    verdicts = SessionVerdicts(engine, marks)
    try:
        async with verdicts.kept_fresh():
            yield verdicts
    finally:
        await engine.dispose()


class Standing:
    """What is known of one session; times are of the monotonic clock. Kept for longer than any stored answer lives,
    so that whoever holds one sees what is learnt later.
    """

    __slots__ = ("kept_good_at", "key", "trusted_until", "used_at")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.trusted_until = 0.0
        self.used_at = 0.0
        self.kept_good_at = 0.0


class SessionVerdicts:
    """Asks PostgreSQL, and Redis while PostgreSQL is away."""

    def __init__(self, engine: AsyncEngine, marks: SessionMarks) -> None:
        self._engine = engine
        self._marks = marks
        self._standings: dict[UUID, Standing] = {}
        self._waiting: dict[Key, asyncio.Future[bool | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[Any]] = set()
        # By the monotonic clock; None while PostgreSQL answers.
        self._away_since: float | None = None

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """While inside, the sessions in use are asked about before their verdicts run out."""
        keeping = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            tasks = [keeping, *self._others, *([self._asking] if self._asking else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def standing(self, tenant_id: UUID, session_id: UUID) -> Standing:
        """What is known of the session, and will be."""
        known = self._standings.get(session_id)
        if known is None:
            known = self._standings[session_id] = Standing((tenant_id, session_id))
        return known

    def trusts(self, standing: Standing, now: float) -> bool:
        """Whether the session is known to be good without asking, and PostgreSQL answers; it counts as in use."""
        standing.used_at = now
        return standing.trusted_until > now and self._away_since is None

    async def check(self, tenant_id: UUID, session_id: UUID) -> None:
        """Return when the session is good. Raises SessionEnded, and Unavailable when nobody can tell."""
        now = time.monotonic()
        standing = self.standing(tenant_id, session_id)
        standing.used_at = now
        if standing.trusted_until > now:
            return
        good = await asyncio.shield(self._ask(standing.key))
        if good is None:
            message = "Neither PostgreSQL nor Redis can say whether your session is still good. Try again in a moment."
            raise Unavailable(message)
        if not good:
            message = "This session has ended. Log in again."
            raise SessionEnded(message)

    def forget(self, sessions: Iterable[UUID]) -> None:
        """What is known of these is out of date: ask again before trusting them."""
        for session in sessions:
            if (standing := self._standings.get(session)) is not None:
                standing.trusted_until = 0.0

    @property
    def seconds_away(self) -> int | None:
        """For how long PostgreSQL has not answered this process; None while it does."""
        return None if self._away_since is None else int(time.monotonic() - self._away_since)

    def _ask(self, key: Key) -> asyncio.Future[bool | None]:
        """The verdict of the next statement to start; None when nobody can tell."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer_waiting())
        return future

    async def _answer_waiting(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            verdicts: Mapping[UUID, bool] = {}
            try:
                verdicts = await self._verdicts(list(asked))
            finally:
                for (_, session), future in asked.items():
                    if not future.done():
                        future.set_result(verdicts.get(session))

    async def _verdicts(self, asked: Sequence[Key]) -> Mapping[UUID, bool]:
        if self._away_since is None:
            asked_at = time.monotonic()
            statement = self._aside(self._from_postgres(asked))
            await asyncio.wait({statement}, timeout=PATIENCE_SECONDS)
            error = statement.exception() if statement.done() else None
            if statement.done() and error is None:
                return statement.result()
            # Left to end by itself: giving up a connection to a server that hangs takes seconds.
            statement.cancel()
            self._away_since = asked_at
            log.warning("sessions_without_postgresql", error=str(error or "no answer in time")[:300])
        return await self._from_redis([session for _, session in asked])

    async def _from_postgres(self, asked: Sequence[Key]) -> Mapping[UUID, bool]:
        async with reading(self._engine, RELAY) as conn:
            started = time.monotonic()
            good = await good_sessions(conn, asked)
        verdicts = {session: session in good for _, session in asked}
        self._trust(verdicts, started)
        self._aside(self._keep_good(list(good), started))
        return verdicts

    async def _from_redis(self, sessions: Sequence[UUID]) -> Mapping[UUID, bool]:
        started = time.monotonic()
        try:
            verdicts = await self._marks.read(sessions)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("sessions_without_redis", error=str(error)[:300])
            return {}
        self._trust(verdicts, started)
        return verdicts

    def _trust(self, verdicts: Mapping[UUID, bool], started: float) -> None:
        for session, good in verdicts.items():
            if (standing := self._standings.get(session)) is not None:
                standing.trusted_until = started + TRUSTED_SECONDS if good else 0.0

    async def _keep_good(self, sessions: Sequence[UUID], now: float) -> None:
        known = [self._standings[session] for session in sessions if session in self._standings]
        due = [standing for standing in known if standing.kept_good_at + KEPT_GOOD_SECONDS < now]
        if not due:
            return
        for standing in due:
            standing.kept_good_at = now
        try:
            await self._marks.put_good([session for _, session in (standing.key for standing in due)])
        except (RedisError, OSError, TimeoutError) as error:
            for standing in due:
                standing.kept_good_at = 0.0
            log.info("sessions_not_kept", error=str(error)[:300])

    async def _keep_fresh(self) -> None:
        probe: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(ASKED_EVERY_SECONDS)
            now = time.monotonic()
            if self._away_since is not None and (probe is None or probe.done()):
                probe = self._aside(self._look_for_postgresql())
            for session, standing in list(self._standings.items()):
                if standing.used_at + IN_USE_SECONDS > now:
                    self._ask(standing.key)
                elif standing.used_at + KNOWN_SECONDS < now:
                    del self._standings[session]

    async def _look_for_postgresql(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._from_postgres([])
        self._away_since = None
        log.info("sessions_with_postgresql_again")

    def _aside(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """A task that nobody need wait for; how it fails is its starter's business."""
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._done_aside)
        return task

    def _done_aside(self, task: asyncio.Task[Any]) -> None:
        self._others.discard(task)
        if not task.cancelled():
            task.exception()

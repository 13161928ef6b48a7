"""How long a verdict about a session is trusted, and how few statements it takes."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import open_engine
from adapters.redis.session_marks import SessionMarks
from api import session_verdicts
from api.session_verdicts import SessionVerdicts
from domain.sessions import ACCESS_TOKEN_SECONDS, SessionEnded
from queries.sessions.good_sessions import GoodSession, good_sessions
from tests.builders.organisations import Founded
from tests.conftest import Database

Keys = Sequence[tuple[uuid.UUID, uuid.UUID]]
DEADLINE_S = 20


class Statements:
    """What PostgreSQL was asked; `before_answer` happens while an answer is on its way."""

    def __init__(self) -> None:
        self.asked: list[Keys] = []
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, conn: AsyncConnection, asked: Keys) -> Mapping[uuid.UUID, GoodSession]:
        good = await good_sessions(conn, asked)
        self.asked.append(asked)
        if self.before_answer is not None:
            await self.before_answer()
        return good


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    statements = Statements()
    monkeypatch.setattr(session_verdicts, "good_sessions", statements)
    return statements


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture
async def verdicts(database: Database, redis: Redis) -> AsyncIterator[SessionVerdicts]:
    engine = open_engine(database.app_url, application_name="tests", pool_size=1, max_overflow=1)
    yield SessionVerdicts(engine, SessionMarks(redis))
    await engine.dispose()


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    owner = await asyncpg.connect(database.owner_url)
    yield owner
    await owner.close()


@pytest.fixture
async def sessions(owner: asyncpg.Connection, founded: Founded) -> list[uuid.UUID]:
    """Good ones of one SR."""
    ids = [uuid.uuid4() for _ in range(20)]
    await owner.executemany(
        "INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at)"
        " SELECT $1, $2, id, 'sr', auth_version, now() + interval '1 hour' FROM users WHERE id = $3",
        [(founded.tenant_id, one, founded.sr_id) for one in ids],
    )
    return ids


async def test_a_verdict_is_trusted_from_the_start_of_its_statement(
    verdicts: SessionVerdicts,
    statements: Statements,
    sessions: list[uuid.UUID],
    founded: Founded,
    owner: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer that took 700 ms tells how it was 700 ms ago."""
    ahead = 0.0
    monotonic = time.monotonic
    monkeypatch.setattr("api.session_verdicts.time", SimpleNamespace(monotonic=lambda: monotonic() + ahead))

    async def ends_while_the_answer_travels() -> None:
        nonlocal ahead
        await owner.execute("UPDATE sessions SET ended_at = now() WHERE id = $1", sessions[0])
        ahead += 0.7

    statements.before_answer = ends_while_the_answer_travels
    await verdicts.check(founded.tenant_id, sessions[0])
    statements.before_answer = None
    ahead += 0.2
    with pytest.raises(SessionEnded):
        await verdicts.check(founded.tenant_id, sessions[0])


async def test_all_sessions_in_use_are_asked_about_in_one_statement_again_and_again(
    verdicts: SessionVerdicts, statements: Statements, sessions: list[uuid.UUID], founded: Founded
) -> None:
    async with verdicts.kept_fresh(), asyncio.timeout(DEADLINE_S):
        # Once to bring them into use; then nobody need ask for a statement.
        together = 0
        while together < 2:
            for one in sessions:
                verdicts.standing(founded.tenant_id, one).used_at = time.monotonic()
            await asyncio.sleep(0.02)
            together = sum({session for _, session in asked} == set(sessions) for asked in statements.asked)
    assert all(len(asked) in {0, len(sessions)} for asked in statements.asked)


async def test_marks_outlive_every_access_token(redis: Redis) -> None:
    marks, session = SessionMarks(redis), uuid.uuid4()
    for put in (marks.put_good, marks.put_ended):
        await put([session])
        assert ACCESS_TOKEN_SECONDS <= await redis.ttl(f"sessions:{session}") <= 900

"""A session that ended is marked in Redis even if the process that ended it died right after its commit."""

from redis.asyncio import Redis

from adapters.redis.session_marks import SessionMarks
from adapters.settings import Settings
from commands.sessions.end_session import EndSession, end_session
from commands.sessions.start_session import StartSession, start_session
from domain.shared.actor import Role
from tests.workers.jobs.conftest import Office, eventually, working


async def test_the_mark_is_put_by_whoever_hears_of_the_end(office: Office, settings: Settings) -> None:
    session = await office.run(start_session, StartSession(role=Role.ADMIN, auth_version=1))
    # Nobody marks anything here: this runner has no such step after its commits.
    await office.run(end_session, EndSession(session_id=session.id))
    async with Redis.from_url(settings.redis_url) as redis:
        marks = SessionMarks(redis)
        assert await marks.read([session.id]) == {}
        async with working(settings):

            async def marked() -> bool:
                return (await marks.read([session.id])).get(session.id) is False

            await eventually(marked)

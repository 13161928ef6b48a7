"""Sessions that a command has just ended: refused here at once, and elsewhere even while PostgreSQL is away."""

from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError

from adapters.postgres.transaction import Announcement
from adapters.redis.session_marks import SessionMarks
from api.session_verdicts import SessionVerdicts
from commands._run import Projector
from domain.sessions import SessionsEnded
from domain.shared.actor import Actor

log = structlog.get_logger()


class MarksEndedSessions:
    """Stands before the books' projector: what a commit has ended is marked before anything is rendered."""

    def __init__(self, then: Projector, verdicts: SessionVerdicts, marks: SessionMarks) -> None:
        self._then = then
        self._verdicts = verdicts
        self._marks = marks

    async def after_commit(self, actor: Actor, announced: Sequence[Announcement], *, replayed: bool) -> str:
        """Mark, then whatever comes after a commit."""
        events = [one.event for one in announced if isinstance(one.event, SessionsEnded)]
        ended = [session for event in events for session in event.session_ids]
        if ended:
            self._verdicts.forget(ended)
            try:
                await self._marks.put_ended(ended)
            except (RedisError, OSError, TimeoutError) as error:
                # The event is in the outbox: its subscriber marks them again.
                log.warning("ended_sessions_not_marked", error=str(error)[:300])
        return await self._then.after_commit(actor, announced, replayed=replayed)

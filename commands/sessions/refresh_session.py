"""Go on with a session by one of its refresh tokens."""

from uuid import UUID

from adapters.postgres.stores import sessions as session_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.sessions import EndReason, Refresh, Session, SessionsEnded, refresh


class RefreshSession(Command, frozen=True, kw_only=True):
    """`generation` is the refresh token's."""

    session_id: UUID
    generation: int


async def refresh_session(command: RefreshSession, tx: Tx) -> Session | None:
    """The session at the generation to hand out; None when it is over, which a re-used token makes it."""
    session = await session_store.lock(tx, command.session_id)
    if session is None:
        return None
    match refresh(session, command.generation, tx.now):
        case Refresh.ROTATE:
            return await session_store.rotate(tx, session.id)
        case Refresh.REPEAT:
            return session
        case Refresh.REUSED:
            await session_store.end(tx, session.id, EndReason.REFRESH_REUSE)
            ended = SessionsEnded(user_id=session.user_id, session_ids=(session.id,), reason=EndReason.REFRESH_REUSE)
            tx.emit(ended)
            return None
        case Refresh.OVER:
            return None

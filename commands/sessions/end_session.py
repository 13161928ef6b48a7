"""Log out: the acting user's session is over."""

from uuid import UUID

from adapters.postgres.stores import sessions as session_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.sessions import EndReason, SessionsEnded


class EndSession(Command, frozen=True, kw_only=True):
    """Ending it again changes nothing."""

    session_id: UUID


async def end_session(command: EndSession, tx: Tx) -> None:
    """The session is refused everywhere within a second."""
    if await session_store.end(tx, command.session_id, EndReason.LOGOUT):
        ended = SessionsEnded(user_id=tx.actor.user, session_ids=(command.session_id,), reason=EndReason.LOGOUT)
        tx.emit(ended)

"""Begin a session for somebody who has just proved their password."""

from adapters.postgres.stores import sessions as session_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.sessions import SESSION_LIFETIME, Session
from domain.shared.actor import Role


class StartSession(Command, frozen=True, kw_only=True):
    """For the acting user; `auth_version` as it was read together with the password's hash.

    A disabling that commits in between has counted it up: the session is there, and never good.
    """

    role: Role
    auth_version: int


async def start_session(command: StartSession, tx: Tx) -> Session:
    """The session, at its first generation."""
    session = Session(
        tenant_id=tx.tenant_id,
        id=tx.new_id(),
        user_id=tx.actor.user,
        role=command.role,
        auth_version=command.auth_version,
        generation=1,
        rotated_at=tx.now,
        expires_at=tx.now + SESSION_LIFETIME,
    )
    await session_store.insert(tx, session)
    return session

"""What taking rights away needs: the locks, the look at holdings, and the end of the sessions."""

from uuid import UUID

from adapters.postgres.stores import sessions as session_store
from adapters.postgres.stores import users as user_store
from adapters.postgres.transaction import Tx
from domain.sessions import EndReason, SessionsEnded
from domain.shared.actor import Role
from domain.shared.errors import Forbidden, InUse
from domain.users import OwnAccount, User


async def lock_with_acting_admin(tx: Tx, user_id: UUID, *, expected_version: int | None) -> User:
    """The user, locked together with the acting admin: of two who delete each other, one stays.

    Raises NotFound, PreconditionFailed, and Forbidden when the acting admin has just lost their rights.
    """
    acting = tx.actor.user_id
    if acting is not None:
        me = (await user_store.lock_all(tx, {acting, user_id})).get(acting)
        if me is None or not me.active or me.role is not Role.ADMIN:
            message = "You are no longer an active admin."
            raise Forbidden(message)
    return await user_store.lock(tx, user_id, expected_version=expected_version)


def refuse_own_account(tx: Tx, user: User) -> None:
    """Raises OwnAccount when admins take their own rights away."""
    if user.id == tx.actor.user_id:
        message = "You cannot delete, disable or re-role yourself. Ask another admin."
        raise OwnAccount(message)


async def refuse_holder(tx: Tx, user: User) -> None:
    """Raises InUse when the locked user holds retailers: whoever assigns some to them waits for this lock."""
    held = await user_store.holdings(tx, user.id)
    if held:
        message = f"{user.login} holds {held} retailers. Assign them to somebody else first."
        raise InUse(message, referred_by="assignments", count=held)


async def end_sessions(tx: Tx, user_id: UUID, reason: EndReason) -> None:
    """End what is open, and tell everybody."""
    ended = await session_store.end_all(tx, user_id, reason)
    if ended:
        tx.emit(SessionsEnded(user_id=user_id, session_ids=tuple(ended), reason=reason))

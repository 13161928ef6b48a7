"""Delete a user who holds no retailers; their login becomes free."""

from uuid import UUID

from adapters.postgres.stores import users as user_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.users._rights import end_sessions, lock_with_acting_admin, refuse_holder, refuse_own_account
from domain.sessions import EndReason
from domain.users import UserDeleted


class DeleteUser(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    user_id: UUID
    expected_version: int | None = None


async def delete_user(command: DeleteUser, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed, OwnAccount, Forbidden, InUse."""
    user = await lock_with_acting_admin(tx, command.user_id, expected_version=command.expected_version)
    refuse_own_account(tx, user)
    await refuse_holder(tx, user)
    await user_store.delete(tx, user.id)
    await end_sessions(tx, user.id, EndReason.USER_DELETED)
    tx.emit(UserDeleted(user_id=user.id))

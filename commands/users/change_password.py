"""Change one's own password; every session of the user ends, the present one too."""

from adapters.postgres.stores import users as user_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.users._rights import end_sessions
from domain.sessions import EndReason
from domain.shared.errors import Fault
from domain.users import UserUpdated, WrongCurrentPassword


class ChangePassword(Command, frozen=True, kw_only=True):
    """For the acting user. `verified_hash` is the stored hash that the current password was right for, if it was."""

    verified_hash: str | None
    password_hash: str


async def change_password(command: ChangePassword, tx: Tx) -> None:
    """Raises WrongCurrentPassword, also when the password has changed since it was verified."""
    user_id = tx.actor.user
    if await user_store.lock_password_hash(tx, user_id) != command.verified_hash:
        message = "current is not your password."
        raise WrongCurrentPassword(message, faults=[Fault("/current", WrongCurrentPassword.code, message)])
    await user_store.set_password(tx, user_id, command.password_hash)
    await end_sessions(tx, user_id, EndReason.PASSWORD_CHANGED)
    tx.emit(UserUpdated(user_id=user_id))

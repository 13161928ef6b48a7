"""Change a user: their name, role or password, and whether they may log in."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import users as user_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.users._rights import end_sessions, lock_with_acting_admin, refuse_holder, refuse_own_account
from domain.sessions import EndReason
from domain.shared.actor import Role
from domain.shared.changes import changed
from domain.users import User, UserUpdated, new_name


class UpdateUser(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are."""

    user_id: UUID
    expected_version: int | None = None
    name: str | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    password_hash: str | UnsetType = UNSET


async def update_user(command: UpdateUser, tx: Tx) -> User:
    """Raises NotFound, PreconditionFailed, Invalid, OwnAccount, Forbidden, InUse.

    Another role, a new password and a disabling end the user's sessions.
    """
    lock = user_store.lock if command.role is UNSET and command.active is UNSET else lock_with_acting_admin
    user = await lock(tx, command.user_id, expected_version=command.expected_version)
    name = new_name(command.name) if isinstance(command.name, str) else UNSET
    wanted = changed(user, name=name, role=command.role, active=command.active)
    password_hash = command.password_hash if isinstance(command.password_hash, str) else None
    if wanted == user and password_hash is None:
        return user
    loses_rights = wanted.role is not user.role or (user.active and not wanted.active)
    if loses_rights:
        refuse_own_account(tx, user)
    if user.role is Role.SR and wanted.role is not Role.SR:
        await refuse_holder(tx, user)
    ends = loses_rights or password_hash is not None
    updated = await user_store.update(tx, wanted, password_hash=password_hash, ends_sessions=ends)
    if ends:
        await end_sessions(tx, user.id, EndReason.USER_CHANGED)
    tx.emit(UserUpdated(user_id=user.id))
    return updated

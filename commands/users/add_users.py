"""Add many users who share a role and a password, as the demo organisation needs them."""

from adapters.postgres.stores import users_bulk
from adapters.postgres.stores.users_bulk import NewUser
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain import users
from domain.shared.actor import Role
from domain.users import UserCreated


class AddUsers(Command, frozen=True, kw_only=True):
    """`people` are (login, name); `password_hash` is one hash for all of them."""

    people: tuple[tuple[str, str], ...]
    role: Role
    password_hash: str


async def add_users(command: AddUsers, tx: Tx) -> int:
    """How many were added; a login that is there already stays as it is. Raises Invalid."""
    people = [
        NewUser(
            login=users.new_login(login),
            name=users.new_name(name),
            role=command.role.value,
            password_hash=command.password_hash,
        )
        for login, name in command.people
    ]
    added = await users_bulk.insert_missing(tx, people)
    for user_id in added:
        tx.emit(UserCreated(user_id=user_id, role=command.role))
    return len(added)

"""Create a user who can log in at once."""

from adapters.postgres.stores import users as user_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.shared.actor import Role
from domain.users import User, UserCreated, new_login, new_name


class CreateUser(Command, frozen=True, kw_only=True):
    """`password_hash` is what the password hasher has made of the password."""

    login: str
    name: str
    role: Role
    password_hash: str


async def create_user(command: CreateUser, tx: Tx) -> User:
    """Raises Invalid, CodeTaken."""
    user = await user_store.insert(
        tx,
        login=new_login(command.login),
        name=new_name(command.name),
        role=command.role,
        password_hash=command.password_hash,
    )
    tx.emit(UserCreated(user_id=user.id, role=user.role))
    return user

"""The user who is logged in."""

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.caller import Caller
from api.openapi import problems
from api.routes.auth import Password
from commands.users.change_password import ChangePassword, change_password
from domain.users import NewPassword
from queries.users.me import Me, me, my_password_hash


class PasswordChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password as it is, and as it should be."""

    current: Password
    new: NewPassword


class Myself(Controller):
    """For every role."""

    path = "/me"
    tags = ("me",)
    opt = {"role": "any"}  # noqa: RUF012  # Litestar's declaration

    @get(operation_id="getMe", summary="Who am I?", responses=problems(401, 404, 429, 503))
    async def read(self, caller: NamedDependency[Caller]) -> Me:
        """The user of this access token, and their organisation."""
        return await me(caller.read)

    @post(
        "/password",
        operation_id="changeMyPassword",
        summary="Change my password",
        status_code=204,
        responses=problems(400, 401, 404, 413, 415, 422, 429, 503),
    )
    async def change_password(self, caller: NamedDependency[Caller], data: JSONBody[PasswordChange]) -> None:
        """Change the password; all sessions of the user end, this one too: log in again with the new one."""
        services = caller.services
        subject = f"user:{caller.actor.user}"
        await services.failed_logins.take(subject)
        stored = await my_password_hash(caller.read)
        is_right = await services.passwords.verify(data.current, [stored]) == [True]
        if is_right:
            await services.failed_logins.give_back(subject)
        command = ChangePassword(
            verified_hash=stored if is_right else None,
            password_hash=await services.passwords.hash(data.new) if is_right else "",
        )
        await caller.run(change_password, command, into=type(None))

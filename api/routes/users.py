"""Users over HTTP, for admins."""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.caller import Caller
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, CREATES, DELETES, UPDATES
from api.pagination import Cursor, Limit, Search, page_request
from api.preconditions import IfMatch, etag, expected_version
from commands.users.create_user import CreateUser, create_user
from commands.users.delete_user import DeleteUser, delete_user
from commands.users.update_user import UpdateUser, update_user
from domain.shared.actor import Role
from domain.users import Login, NewPassword, User, UserName
from queries._read import DEFAULT_LIMIT, Page
from queries.users.user_list import user, user_list

OfRole: TypeAlias = Annotated[Role | None, QueryParameter(description="Only users of this role.")]
Active: TypeAlias = Annotated[bool | None, QueryParameter(description="Only users who may (or may not) log in.")]

HasPassword: TypeAlias = Annotated[
    bool | None, QueryParameter(description="Only users who have a password (or, from a file, none yet).")
]


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to create."""

    login: Login
    name: UserName
    role: Role
    password: NewPassword


class UserChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay."""

    name: UserName | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET


class Users(Controller):
    """Admins and sales representatives."""

    path = "/users"
    tags = ("users",)
    opt = {"role": "admin"}  # noqa: RUF012  # Litestar's declaration

    @get(operation_id="listUsers", summary="List users by name", responses=ANSWERS_MANY)
    async def list_users(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        role: OfRole = None,
        active: Active = None,
        has_password: HasPassword = None,
        q: Search = None,
    ) -> Page[User]:
        """A page of the organisation's users, ordered by name; `q` finds a part of a login or a name."""
        page = page_request(limit, cursor)
        return await user_list(caller.read, page, role=role, active=active, has_password=has_password, q=q)

    @post(operation_id="createUser", summary="Create a user", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewUser]) -> Response[User]:
        """Create a user who can log in at once; the login must be new in the organisation."""
        command = CreateUser(
            login=data.login,
            name=data.name,
            role=data.role,
            password_hash=await caller.services.passwords.hash(data.password),
        )
        made = await caller.run(create_user, command, into=User)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/users/{made.id}"})

    @get("/{user_id:uuid}", operation_id="getUser", summary="Read a user", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], user_id: FromPath[UUID]) -> Response[User]:
        """One user."""
        found = await user(caller.read, user_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch("/{user_id:uuid}", operation_id="updateUser", summary="Change a user", responses=UPDATES)
    async def update(
        self,
        caller: NamedDependency[Caller],
        user_id: FromPath[UUID],
        data: JSONBody[UserChanges],
        if_match: IfMatch = None,
    ) -> Response[User]:
        """Change a name, role or password, or whether the user may log in.

        All but a new name end the user's sessions everywhere within a second. An SR who holds retailers stays one:
        409 `in_use`. Admins keep their own role and access: 409 `own_account`.
        """
        password_hash: str | UnsetType = UNSET
        if isinstance(data.password, str):
            password_hash = await caller.services.passwords.hash(data.password)
        command = UpdateUser(
            user_id=user_id,
            expected_version=expected_version(if_match),
            name=data.name,
            role=data.role,
            active=data.active,
            password_hash=password_hash,
        )
        updated = await caller.run(update_user, command, into=User)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete("/{user_id:uuid}", operation_id="deleteUser", summary="Delete a user", responses=DELETES)
    async def remove(self, caller: NamedDependency[Caller], user_id: FromPath[UUID], if_match: IfMatch = None) -> None:
        """Delete a user; their login becomes free. 409 `in_use` for an SR who holds retailers."""
        command = DeleteUser(user_id=user_id, expected_version=expected_version(if_match))
        await caller.run(delete_user, command, into=type(None))

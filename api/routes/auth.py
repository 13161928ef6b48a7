"""Logging in, staying logged in and logging out."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.addresses import client_address
from api.caller import Caller
from api.openapi import problems
from api.sign_in import TokenPair, log_in, refreshed
from commands.sessions.end_session import EndSession, end_session
from domain.shared.actor import Role
from domain.users import LONGEST_PASSWORD, Login, UserName

Password = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_PASSWORD, examples=["four words beat one"])]
Organisation = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, description="The organisation's code.", examples=["acme"])
]
RefreshText = Annotated[str, msgspec.Meta(min_length=1, max_length=500, examples=["AZjzonwefTqbHzxdfp8aKw"])]


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenant` only matters for a login that exists in several organisations."""

    login: Login
    password: Password
    tenant: Organisation | None = None


class RefreshBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token of the last answer."""

    refresh_token: RefreshText


class LoggedInUser(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in."""

    id: UUID
    name: UserName
    role: Role
    tenant_id: UUID


class LoggedIn(TokenPair, frozen=True, kw_only=True):
    """Tokens, and whose they are."""

    user: LoggedInUser


class Auth(Controller):
    """None of these takes an Idempotency-Key."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/login",
        operation_id="login",
        summary="Log in",
        status_code=200,
        opt={"public": True},
        security=[{}],
        responses=problems(400, 401, 409, 413, 415, 422, 429, 503),
    )
    async def login(self, request: Request[Any, Any, Any], data: JSONBody[Credentials]) -> LoggedIn:
        """Exchange a login and a password for tokens.

        409 `tenant_required` when several organisations could be meant.
        """
        services = request.app.state.services
        pair, user = await log_in(
            services,
            login=data.login,
            password=data.password,
            organisation=data.tenant,
            address=client_address(request.scope, services.trusted_proxies),
            request_id=request.scope["state"].get("request_id"),
        )
        return LoggedIn(
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            user=LoggedInUser(id=user.user_id, name=user.name, role=user.role, tenant_id=user.tenant_id),
        )

    @post(
        "/refresh",
        operation_id="refresh",
        summary="Stay logged in",
        status_code=200,
        opt={"public": True},
        security=[{}],
        responses=problems(400, 401, 413, 415, 422, 429, 503),
    )
    async def refresh(self, request: Request[Any, Any, Any], data: JSONBody[RefreshBody]) -> TokenPair:
        """Exchange a refresh token for the next pair.

        Within 60 seconds the same token gives the same successor again; later use of an old one ends the session.
        A session lasts 30 days from its login at most.
        """
        return await refreshed(
            request.app.state.services, data.refresh_token, request_id=request.scope["state"].get("request_id")
        )

    @post(
        "/logout",
        operation_id="logout",
        summary="Log out",
        status_code=204,
        opt={"role": "any", "after_session": True},
        responses=problems(401, 429, 503),
    )
    async def logout(self, caller: NamedDependency[Caller]) -> None:
        """End the session of this access token, everywhere within a second."""
        actor = caller.actor
        if actor.session_id is not None:
            await caller.services.runner(end_session, EndSession(session_id=actor.session_id), actor=actor)

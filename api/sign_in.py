"""Logging in and staying logged in: what a password or a refresh token is exchanged for."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from adapters.tokens import BadTokenError
from api.services import Services
from commands.sessions.refresh_session import RefreshSession, refresh_session
from commands.sessions.start_session import StartSession, start_session
from domain.sessions import ACCESS_TOKEN_SECONDS, Session, SessionEnded, TenantRequired, WrongPassword
from domain.shared.actor import user_actor
from domain.shared.errors import Unauthenticated
from domain.users import canonical_login
from queries.sessions.good_sessions import good_session
from queries.users.login_candidates import Candidate, login_candidates


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in` is in seconds, of the access token."""

    access_token: Annotated[str, msgspec.Meta(examples=["eyJhbGciOiJIUzI1NiIsImtpZCI6IjIwMjYtMTEifQ.e30.c2VhbGVk"])]
    refresh_token: Annotated[str, msgspec.Meta(examples=["AZjzonwefTqbHzxdfp8aKwGY86J8Hn06mx88XX6fGisAAAAAAAAAAQ"])]
    expires_in: int = ACCESS_TOKEN_SECONDS
    token_type: str = "bearer"  # noqa: S105  # a scheme, no password


async def log_in(
    services: Services, *, login: str, password: str, organisation: str | None, address: str, request_id: str | None
) -> tuple[TokenPair, Candidate]:
    """Tokens, and whose they are. Raises WrongPassword, TenantRequired, TooManyFailedLogins."""
    meanings = [(canonical_login(login), organisation)]
    user = await recognised(services, meanings=meanings, password=password, address=address)
    actor = user_actor(
        tenant_id=user.tenant_id, user_id=user.user_id, role=user.role, session_id=None, request_id=request_id
    )
    command = StartSession(role=user.role, auth_version=user.auth_version)
    return token_pair(services, await services.runner(start_session, command, actor=actor)), user


async def recognised(
    services: Services, *, meanings: Sequence[tuple[str, str | None]], password: str, address: str
) -> Candidate:
    """Whose password this is, of the canonical logins and organisations that may be meant.

    Raises WrongPassword, TenantRequired, TooManyFailedLogins.
    """
    subjects = (*(f"login:{login}" for login, _ in meanings), f"address:{address}")
    await services.failed_logins.take(*subjects)
    candidates = [
        one
        for login, organisation in meanings
        for one in await login_candidates(services.engine, login=login, organisation=organisation)
    ]
    right = await services.passwords.verify(password, [one.password_hash for one in candidates])
    meant = [one for one, is_theirs in zip(candidates, right, strict=True) if is_theirs]
    if not meant:
        message = "The login or the password is wrong."
        raise WrongPassword(message)
    await services.failed_logins.give_back(*subjects)
    if len(meant) > 1:
        message = 'This login exists in several organisations: send the code of one as "tenant".'
        raise TenantRequired(message)
    return meant[0]


async def refreshed(services: Services, token: str, *, request_id: str | None) -> TokenPair:
    """The next pair of tokens. Raises Unauthenticated, SessionEnded."""
    try:
        named = services.tokens.verify_refresh(token)
    except BadTokenError as error:
        raise Unauthenticated(str(error)) from None
    found = await good_session(services.engine, named.tenant_id, named.session_id)
    session = None
    if found is not None:
        command = RefreshSession(session_id=named.session_id, generation=named.generation)
        actor = user_actor(
            tenant_id=named.tenant_id,
            user_id=found.user_id,
            role=found.role,
            session_id=named.session_id,
            request_id=request_id,
        )
        session = await services.runner(refresh_session, command, actor=actor)
    if session is None:
        message = "This session has ended. Log in again."
        raise SessionEnded(message)
    return token_pair(services, session)


def token_pair(services: Services, session: Session) -> TokenPair:
    """The tokens of the session as it is now."""
    return TokenPair(
        access_token=services.tokens.access_token(session), refresh_token=services.tokens.refresh_token(session)
    )

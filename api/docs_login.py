"""Who may read the documentation where it is not open: anybody who can log in, over HTTP Basic (RFC 7617)."""

import base64
import binascii
from typing import Any

from litestar import Request

from api.addresses import client_address
from api.auth import access_of
from api.services import Services
from api.sign_in import recognised
from domain.sessions import DocsLoginRequired, TenantRequired, WrongPassword
from domain.shared.actor import Role
from domain.shared.errors import Forbidden
from domain.users import LONGEST_PASSWORD, MAX_LOGIN_LENGTH, canonical_login


async def check_reader(request: Request[Any, Any, Any]) -> None:
    """Return for whoever may read. Raises DocsLoginRequired, Forbidden, TooManyFailedLogins."""
    services: Services = request.app.state.services
    if services.docs_open:
        return
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        access = access_of(services, request.scope)
        await services.sessions.check(access.tenant_id, access.session_id)
        if access.role is not Role.ADMIN:
            message = f"A token opens this for admins, and yours is of the role {access.role.value}."
            raise Forbidden(message)
        return
    login, password = _credentials(value if scheme.lower() == "basic" else "")
    credentials = f"{login}:{password}".encode()
    if services.docs_readers.knows(credentials):
        return
    try:
        await recognised(
            services,
            meanings=_meanings(login),
            password=password,
            address=client_address(request.scope, services.trusted_proxies),
        )
    except (WrongPassword, TenantRequired) as refusal:
        raise _refused(refusal.message) from None
    services.docs_readers.remember(credentials)


def _credentials(encoded: str) -> tuple[str, str]:
    try:
        login, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        login = colon = password = ""
    if not colon or not login or not password or "\0" in login or len(login) > MAX_LOGIN_LENGTH + 64:
        raise _refused("Log in as a user of Haat.")
    if len(password) > LONGEST_PASSWORD:
        raise _refused("The login or the password is wrong.")
    return login, password


def _meanings(login: str) -> list[tuple[str, str | None]]:
    """A slash may follow an organisation's code, or stand in the login itself."""
    organisation, slash, rest = login.partition("/")
    meanings: list[tuple[str, str | None]] = [(canonical_login(login), None)]
    if slash and rest:
        meanings.append((canonical_login(rest), organisation.strip().lower()))
    return meanings


def _refused(message: str) -> DocsLoginRequired:
    return DocsLoginRequired(f"{message} A login that exists in several organisations is sent as organisation/login.")

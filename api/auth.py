"""Who is asking: every route but the public ones wants an access token, a good session and the right role."""

from typing import Any, Final

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from adapters.tokens import Access, BadTokenError
from api.services import Services
from domain.shared.actor import Actor, Role, user_actor
from domain.shared.errors import Forbidden, Unauthenticated

ROLES: Final = frozenset({"any", *(role.value for role in Role)})
_PUBLIC: Final = "public"


def authenticate(app: ASGIApp) -> ASGIApp:
    """Middleware that puts the actor into the request's state, or refuses the request."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        options: dict[str, Any] = scope["route_handler"].opt
        # Litestar's own answer to OPTIONS names the methods of the path, and nothing else.
        if not options.get(_PUBLIC) and scope.get("method") != "OPTIONS":
            scope["state"]["actor"] = await _actor(scope, options)
        await app(scope, receive, send)

    return middleware


def check_roles(app: Litestar) -> None:
    """Every route says whom it is for; one that does not keeps the process from starting."""
    for route in app.routes:
        handlers = getattr(route, "route_handlers", None) or [getattr(route, "route_handler", None)]
        for handler in handlers:
            if getattr(handler, "http_methods", None) == {"OPTIONS"}:
                continue
            options = handler.opt if handler is not None else {}
            if options.get(_PUBLIC) is not True and options.get("role") not in ROLES:
                message = (
                    f'{route.path}: {handler} needs opt={{"role": …}} of {sorted(ROLES)}, or opt={{"public": True}}'
                )
                raise TypeError(message)


async def _actor(scope: Scope, options: dict[str, Any]) -> Actor:
    services: Services = scope["litestar_app"].state.services
    access = access_of(services, scope)
    # A logout is answered alike however often it is repeated.
    if not options.get("after_session"):
        await services.sessions.check(access.tenant_id, access.session_id)
    role = options.get("role")
    if role not in {"any", access.role.value}:
        message = f"This is for the role {role}, and you are logged in as {access.role.value}."
        raise Forbidden(message)
    return user_actor(
        tenant_id=access.tenant_id,
        user_id=access.user_id,
        role=access.role,
        session_id=access.session_id,
        request_id=scope["state"].get("request_id"),
    )


def access_of(services: Services, scope: Scope) -> Access:
    """What the access token says; whether its session is still good is another question. Raises Unauthenticated."""
    headers = [value for name, value in scope["headers"] if name == b"authorization"]
    if not headers:
        message = "Log in (POST /api/v1/auth/login) and send the access token as Authorization: Bearer <token>."
        raise Unauthenticated(message)
    scheme, _, token = headers[0].decode("latin-1").partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        message = "The Authorization header must be Bearer, a space, and the access token, once."
        raise Unauthenticated(message)
    try:
        return services.tokens.verify_access(token.strip())
    except BadTokenError as error:
        raise Unauthenticated(str(error)) from None

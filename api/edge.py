"""The outermost wrapper of the application: request ids, security headers, one log line per request.

It wraps the whole ASGI app, since Litestar's middleware does not see unknown paths and wrong methods.
"""

import re
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import observe
from domain.shared.ids import new_id_text

log = structlog.get_logger("api.access")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000"),
)


class Edge:
    """Adds what every answer carries, also those that no route made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; requests get an id (their own `X-Request-Id` when it is a sane one)."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = own_id(next((value for name, value in scope["headers"] if name == b"x-request-id"), None))
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                present = {name.lower() for name, _ in headers}
                headers += [header for header in SECURITY_HEADERS if header[0] not in present]
                headers.append((b"x-request-id", request_id))
                if version := state.get("haat_version"):
                    headers.append((b"haat-version", version.encode()))
                message["headers"] = headers
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                seconds = time.perf_counter() - started
                route = scope.get("path_template") or "unknown"
                observe(scope["method"], route, status, seconds)
                log.info(
                    "request",
                    method=scope["method"],
                    path=_logged(scope["path"], route),
                    status=status,
                    ms=round(seconds * 1000, 2),
                )


def _logged(path: str, route: str) -> str:
    """The path for the log; a signed link is as good as a password for as long as it holds."""
    return route if "{token" in route else path


def own_id(wanted: bytes | None) -> bytes:
    """The caller's own id of the request when it is a sane one, else a new one."""
    return wanted if wanted is not None and _REQUEST_ID.match(wanted) else new_id_text().encode()

"""Refusals become problem documents (RFC 9457), here and nowhere else."""

from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.sessions import DocsLoginRequired
from domain.shared import errors
from domain.shared.errors import Fault, Refusal

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"
DOCS_CHALLENGE = 'Basic realm="Haat documentation", charset="UTF-8"'

# The first base class that stands here gives the status; a test holds that every refusal has one.
STATUS: dict[type[Refusal], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Invalid: 422,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}


class Problem(msgspec.Struct, kw_only=True):
    """A problem document (RFC 9457, section 3); `code` is stable, `errors` names every fault of a bad body."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
    errors: tuple[Fault, ...] | msgspec.UnsetType = msgspec.UNSET
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


def status_of(refusal: type[Refusal]) -> int:
    """The status of a kind of refusal."""
    return next(STATUS[base] for base in refusal.__mro__ if base in STATUS)


def on_refusal(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Problem]:
    """A refusal that a rule of ours has raised."""
    headers = {}
    if isinstance(refusal, errors.Unavailable | errors.TooManyRequests):
        headers["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, errors.TooManyRequests) and refusal.quota is not None:
        # draft-ietf-httpapi-ratelimit-headers: what the limit is, and when it has room again
        headers["RateLimit-Policy"] = f'"{refusal.policy}";q={refusal.quota};w={refusal.window}'
        headers["RateLimit"] = f'"{refusal.policy}";r=0;t={refusal.retry_after}'
    if isinstance(refusal, errors.Unauthenticated):
        headers["WWW-Authenticate"] = DOCS_CHALLENGE if isinstance(refusal, DocsLoginRequired) else "Bearer"
    return _answer(
        request,
        status_of(type(refusal)),
        refusal.code,
        refusal.title,
        refusal.message,
        faults=refusal.faults,
        details=refusal.details,
        headers=headers,
    )


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """What Litestar itself refuses: unknown paths and methods, unreadable parameters, too large bodies."""
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_exception(request, error)
    if status == HTTPStatus.BAD_REQUEST and _only_path_faults(error):
        status = 404
    title = HTTPStatus(status).phrase
    extra = error.extra if isinstance(error.extra, list) else []
    faults = tuple(
        Fault(str(one.get("key", "")), "invalid_value", str(one.get("message", "")))
        for one in extra
        if isinstance(one, dict)
    )
    detail = "; ".join(f"{fault.pointer}: {fault.message}" for fault in faults) or error.detail or title
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return _answer(request, status, title.lower().replace(" ", "_"), title, detail, faults=faults, headers=headers)


def on_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """PostgreSQL is away or overloaded: 503 with Retry-After; anything else of its errors is our bug."""
    if isinstance(error, DBAPIError) and not _is_away(error):
        return on_exception(request, error)
    log.warning("database_away", error=str(error)[:300])
    # A connection that breaks at COMMIT leaves it open whether the change was made.
    message = (
        "The database cannot be reached or is too busy at the moment. Try again; a write with the same Idempotency-Key."
    )
    return on_refusal(request, errors.Unavailable(message, retry_after=1))


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A bug of ours: logged with its traceback, told without details."""
    log.error("unhandled_exception", path=request.url.path, exc_info=error)
    detail = "Something went wrong on our side. Tell us the request_id and we can find out what."
    return _answer(request, 500, "internal", "Internal error", detail)


def _is_away(error: DBAPIError) -> bool:
    state: str = getattr(error.orig, "sqlstate", None) or ""
    # 08: connection, 53: out of resources, 55P03: waited too long for a lock, 57: operator intervention (shutdown,
    # statement_timeout)
    return (
        error.connection_invalidated
        or isinstance(error, OperationalError | InterfaceError)
        or state == "55P03"
        or state[:2] in {"08", "53", "57"}
    )


def _only_path_faults(error: HTTPException) -> bool:
    extra = error.extra if isinstance(error.extra, list) else []
    return bool(extra) and all(isinstance(one, dict) and one.get("source") == "path" for one in extra)


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    faults: tuple[Fault, ...] = (),
    details: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    problem = Problem(
        title=title,
        status=status,
        code=code,
        detail=detail,
        request_id=request.scope["state"].get("request_id"),
        errors=faults or msgspec.UNSET,
        details=details or msgspec.UNSET,
    )
    return Response(problem, status_code=status, media_type=PROBLEM_JSON, headers=headers)


EXCEPTION_HANDLERS: dict[type[Exception] | int, Any] = {
    Refusal: on_refusal,
    HTTPException: on_http_exception,
    DBAPIError: on_database_error,
    PoolTimeout: on_database_error,
    ConnectionError: on_database_error,
    TimeoutError: on_database_error,
    Exception: on_exception,
}

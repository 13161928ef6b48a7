"""Health and metrics, for load balancers and operators."""

import hmac
from typing import Any

import structlog
from litestar import Controller, Request, Response, get
from sqlalchemy.exc import SQLAlchemyError

from api import metrics
from api.openapi import problems
from api.services import Services
from domain.shared.errors import Forbidden
from queries.health import backlog, database_answers

log = structlog.get_logger()

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Health(Controller):
    """Outside `/api/v1`, without a login."""

    path = "/"
    tags = ("operations",)
    opt = {"public": True}  # noqa: RUF012  Litestar's declaration

    @get("/health/live", operation_id="live", summary="Is the process alive?", security=[{}])
    async def live(self) -> dict[str, str]:
        """Constant: asks nothing of anybody."""
        return {"status": "live"}

    @get(
        "/health/ready", operation_id="ready", summary="Can it serve requests?", responses=problems(503), security=[{}]
    )
    async def ready(self, request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
        """PostgreSQL answers; Redis may be away, since reads then come from PostgreSQL."""
        services: Services = request.app.state.services
        parts = {"postgresql": "ok", "redis": await services.redis_state()}
        try:
            await database_answers(services.engine)
        except (SQLAlchemyError, OSError) as error:
            log.warning("not_ready", error=str(error)[:300])
            parts["postgresql"] = "away"
        ready = parts["postgresql"] == "ok"
        return Response(
            {"status": "ready" if ready else "not ready", **parts},
            status_code=200 if ready else 503,
            headers={} if ready else {"Retry-After": "1"},
        )

    @get(
        "/metrics",
        operation_id="metrics",
        summary="Metrics for Prometheus",
        media_type="text/plain; version=0.0.4",
        responses=problems(403, 503),
        security=[{}],
    )
    async def metrics(self, request: Request[Any, Any, Any]) -> bytes:
        """Open to loopback, and to whoever brings `HAAT_METRICS_TOKEN` as a bearer token."""
        services: Services = request.app.state.services
        _check_access(request, services.metrics_token)
        now = await backlog(services.engine)
        metrics.OUTBOX_WAITING.set(now.events_waiting)
        metrics.BOOKS_WAITING.set(now.books_waiting)
        metrics.DEAD_LETTERS.set(now.dead_letters)
        metrics.BOOKS_AUDITED.set(now.audited["looked_at"])
        for where in ("entries", "values"):
            metrics.BOOKS_DIFFERENT.labels(where).set(now.audited[f"{where}_different"])
        for state in ("queued", "running"):
            metrics.JOBS_OPEN.labels(state).set(now.jobs.get(state, 0))
        for kind in ("worker", "relay"):
            metrics.WORKERS_ALIVE.labels(kind).set(now.workers.get(kind, 0))
        return metrics.exposition()


def _check_access(request: Request[Any, Any, Any], token: str | None) -> None:
    brought = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(brought.encode(), token.encode()):
        return
    # A request that came through a proxy carries whom it came for; the proxy's own loopback address proves nothing.
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if token is None and request.client is not None and request.client.host in _LOOPBACK and not forwarded:
        return
    message = "Metrics are for this machine, or for whoever brings HAAT_METRICS_TOKEN as a bearer token."
    raise Forbidden(message)

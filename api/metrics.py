"""What operators measure: requests by route, and how long they took."""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("haat_http_requests_total", "Requests answered.", ("method", "route", "status"))
SECONDS = Histogram(
    "haat_http_request_seconds", "Time until the answer was sent.", ("method", "route"), buckets=BUCKETS
)
OUTBOX_WAITING = Gauge("haat_outbox_waiting", "Announced events that the relay has not passed on.")
BOOKS_WAITING = Gauge("haat_books_waiting", "Announced events whose books are not rendered yet.")
DEAD_LETTERS = Gauge("haat_dead_letters", "Deliveries that were given up.")
JOBS_OPEN = Gauge("haat_jobs_open", "Jobs that are queued or running.", ("state",))
WORKERS_ALIVE = Gauge("haat_workers_alive", "Background processes seen in the last 15 s.", ("kind",))


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request under its route's template, never under its URL."""
    # A label that callers make up would grow for ever.
    method = method if method in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)


def exposition() -> bytes:
    """All metrics in Prometheus' text format; of all API processes when they share PROMETHEUS_MULTIPROC_DIR."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
        return generate_latest(registry)
    return generate_latest()

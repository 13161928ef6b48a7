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
BOOKS_AUDITED = Gauge("haat_books_audited", "Books that the audit has compared since the beginning.")
BOOKS_DIFFERENT = Gauge(
    "haat_books_different", "Books that the audit has found different and mended since the beginning.", ("where",)
)
WORKERS_ALIVE = Gauge("haat_workers_alive", "Background processes seen in the last 15 s.", ("kind",))
CACHE_REQUESTS = Counter(
    "haat_response_cache_requests_total",
    "Answers made from a book: replayed (hit), made because none was kept (miss), or although one was (bypass).",
    ("outcome", "reason"),
)
CACHE_FILLS = Counter("haat_response_cache_fills_total", "Answers that were to be kept.", ("result",))
CACHED_ANSWERS = Gauge("haat_response_cache_answers", "Answers that are kept.", multiprocess_mode="livesum")
CACHED_BYTES = Gauge("haat_response_cache_bytes", "Memory that they take.", multiprocess_mode="livesum")
_NONE_KEPT: Final = frozenset({"unknown", "expired"})


class Tally:
    """Replayed answers of one route and status: added up without a lock and passed on in bulk, to save the 4 µs of
    two counters and a histogram per request. For the one event loop of the process.
    """

    __slots__ = ("count", "method", "route", "seconds", "status")

    def __init__(self, method: str, route: str, status: int) -> None:
        self.method = method
        self.route = route
        self.status = status
        self.count = 0
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        if seconds > BUCKETS[0]:
            observe(self.method, self.route, self.status, seconds)
            CACHE_REQUESTS.labels("hit", "").inc()
        else:
            self.count += 1
            self.seconds += seconds

    def pass_on(self) -> None:
        """To the counters and to the first bucket of the histogram."""
        if not self.count:
            return
        REQUESTS.labels(self.method, self.route, str(self.status)).inc(self.count)
        CACHE_REQUESTS.labels("hit", "").inc(self.count)
        child = SECONDS.labels(self.method, self.route)
        # The library has no call for many observations at once.
        child._sum.inc(self.seconds)  # noqa: SLF001
        child._buckets[0].inc(self.count)  # noqa: SLF001
        self.count, self.seconds = 0, 0.0


_tallies: dict[tuple[str, str, int], Tally] = {}


def tally(method: str, route: str, status: int) -> Tally:
    """The one of this method, route and status."""
    key = (method, route, status)
    if key not in _tallies:
        _tallies[key] = Tally(*key)
    return _tallies[key]


def count_tallies() -> None:
    """Pass on what has been added up since the last time."""
    for one in _tallies.values():
        one.pass_on()


def count_made(reason: str) -> None:
    """Count one answer that was made from a book although it could have been replayed, but for the reason."""
    CACHE_REQUESTS.labels("miss" if reason in _NONE_KEPT else "bypass", reason).inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request under its route's template, never under its URL."""
    # A label that callers make up would grow for ever.
    method = method if method in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(method, route).observe(seconds)


def exposition() -> bytes:
    """All metrics in Prometheus' text format; of all API processes when they share PROMETHEUS_MULTIPROC_DIR."""
    count_tallies()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
        return generate_latest(registry)
    return generate_latest()

"""An SR's reads against a bare ASGI app that returns the same status, headers and bytes under the same server."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from bench import wrk
from bench.market import Market, loaded
from bench.results import Line
from bench.servers import api, bare, stored
from tests.stack import Stack

# All SRs; a million retailers are 14,286 of them.
BOOKS: Final = int(os.environ.get("HAAT_BENCH_BOOKS", "14286"))
SRS: Final = 1_000
PAIRS: Final = 5
SECONDS: Final = 3.0
PAGE: Final = "/api/v1/sr/retailers?limit=20"
FLOOR_IS: Final = "a bare ASGI app under the same server and options: same status, headers and bytes"

# The request of the SR with that token, and of which place among the SRs.
Request = Callable[[str, int], str]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Ours and the floor, run by run, alternating."""

    ours: list[wrk.Run]
    floor: list[wrk.Run]
    bytes: int

    def line(self, name: str, *, limited_by: str, floor_is: str = FLOOR_IS, **details: object) -> Line:
        """Requests per second."""
        return Line(
            name=name,
            unit="requests/s",
            ours=[run.per_second for run in self.ours],
            floor=[run.per_second for run in self.floor],
            floor_is=floor_is,
            limited_by=limited_by,
            details={"srs": SRS, "bytes": self.bytes, "connections": wrk.CONNECTIONS, **details},
        )

    def p99(self, name: str, *, limited_by: str) -> Line:
        """The slowest hundredth."""
        return Line(
            name=name,
            unit="ms",
            ours=[run.p99 / 1000 for run in self.ours],
            floor=[run.p99 / 1000 for run in self.floor],
            floor_is=FLOOR_IS,
            limited_by=limited_by,
        )


def compared(
    stack: Stack, url: str, requests: Sequence[str], *, status: int = 200, seconds: float = SECONDS
) -> Compared:
    """PAIRS pairs of runs, after one of each that is not counted."""
    found, headers, body, length = _settled(url, requests[0])
    if found != status:
        sys.exit(f"void: {found} instead of {status}: {body[:500]!r}")
    script = wrk.script(stack.home / "requests.lua", requests)
    with bare(stack, stored(found, headers, body)) as floor:
        for target in (url, floor):
            wrk.run(target, script, seconds=seconds / 2)
        runs = [
            [wrk.run(target, script, seconds=seconds, length=length) for target in (url, floor)] for _ in range(PAIRS)
        ]
    return Compared(ours=[ours for ours, _ in runs], floor=[bare for _, bare in runs], bytes=length)


def _settled(url: str, request: str) -> tuple[int, list[tuple[str, str]], bytes, int]:
    """The answer once it has been made before."""
    wrk.exchanged(url, request)
    status, headers, body, length = wrk.exchanged(url, request)
    # `Connection: close` is of this one request; wrk keeps its connections.
    kept = [(name, value) for name, value in headers if name.lower() != "connection"]
    return (
        status,
        kept,
        body,
        length - sum(len(name) + len(value) + 4 for name, value in headers if (name, value) not in kept),
    )


class Reads:
    """A measurement: what all SRs ask, in a process of its own."""

    def __init__(self, measured: Callable[[Stack, str, Market, list[str]], Iterator[Line]], **settings: str) -> None:
        self._measured = measured
        self._settings = settings

    def missing(self) -> str | None:
        return wrk.missing()

    def measure(self, stack: Stack) -> list[Line]:
        market = loaded(stack, srs=BOOKS)
        with api(stack, **self._settings) as (url, _):
            return list(self._measured(stack, url, market, market.tokens(stack, SRS)))


def _page(stack: Stack, url: str, market: Market, tokens: list[str]) -> Iterator[Line]:
    del market
    both = compared(stack, url, [wrk.get(PAGE, token) for token in tokens])
    yield both.line("SR page of 20, warm", limited_by="the cache's look-ups, the request id, the list of headers")
    yield both.p99("SR page of 20, warm, p99", limited_by="sessions and limits of 1,000 SRs, looked after in between")


page = Reads(_page)

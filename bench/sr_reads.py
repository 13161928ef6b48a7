"""An SR's reads against a bare ASGI app that returns the same status, headers and bytes under the same server."""

import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import msgspec

from bench import wrk
from bench.market import Market, loaded
from bench.results import Line
from bench.servers import api, bare, cpu_seconds, stored
from bench.watch import Watch
from tests.stack import Stack

# All SRs; a million retailers are 14,286 of them.
BOOKS: Final = int(os.environ.get("HAAT_BENCH_BOOKS", "14286"))
SRS: Final = int(os.environ.get("HAAT_BENCH_SRS", "1000"))
PAIRS: Final = 5
SECONDS: Final = 3
PAGE: Final = "/api/v1/sr/retailers?limit=20"
FLOOR_IS: Final = "a bare ASGI app under the same server and options: same status, headers and bytes"

# The request of the SR with that token, and of which place among the SRs.
Request = Callable[[str, int], str]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Ours and the floor, run by run, alternating."""

    ours: list[wrk.Run]
    floor: list[wrk.Run]
    bytes: int
    cpu_ratio: float

    def line(self, name: str, *, limited_by: str, floor_is: str = FLOOR_IS, **details: object) -> Line:
        """Requests per second."""
        return Line(
            name=name,
            unit="requests/s",
            ours=[run.per_second for run in self.ours],
            floor=[run.per_second for run in self.floor],
            floor_is=floor_is,
            limited_by=limited_by,
            details={
                "srs": SRS,
                "bytes": self.bytes,
                "connections": wrk.CONNECTIONS,
                "floor CPU ÷ ours": round(self.cpu_ratio, 2),
                **details,
            },
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


def compared(stack: Stack, ours: tuple[str, int], requests: Sequence[str], *, status: int = 200) -> Compared:
    """PAIRS pairs of runs of both, each a server's URL and pid, after a warm-up that is not counted."""
    found, headers, body, length = _settled(ours[0], requests[0])
    if found != status:
        sys.exit(f"void: {found} instead of {status}: {body[:500]!r}")
    script = wrk.script(stack.home / "requests.lua", requests)
    with bare(stack, stored(found, headers, body)) as floor:
        for url, _ in (ours, floor):
            wrk.warm(url, script)
        pairs = [[_timed(target, script, length) for target in (ours, floor)] for _ in range(PAIRS)]
    return Compared(
        ours=[one for (one, _), _ in pairs],
        floor=[one for _, (one, _) in pairs],
        bytes=length,
        cpu_ratio=statistics.median(theirs / mine for (_, mine), (_, theirs) in pairs),
    )


def _timed(target: tuple[str, int], script: Path, length: int) -> tuple[wrk.Run, float]:
    """A run, and the server's CPU seconds per request."""
    before = cpu_seconds(target[1])
    run = wrk.run(target[0], script, seconds=SECONDS, length=length)
    return run, (cpu_seconds(target[1]) - before) / run.requests


def answers(url: str, path: str, tokens: Sequence[str]) -> list[httpx.Response]:
    """What each of these SRs is answered."""
    with httpx.Client(base_url=url, timeout=30) as client:
        return [client.get(path, headers={"Authorization": f"Bearer {token}"}) for token in tokens]


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
    """A measurement: what all SRs ask, of an API process with these settings."""

    def __init__(
        self, measured: Callable[[Stack, tuple[str, int], Market, list[str]], Iterator[Line]], **settings: str
    ) -> None:
        self._measured = measured
        self._settings = settings

    def missing(self) -> str | None:
        """What has to be installed first, if anything."""
        return wrk.missing()

    def measure(self, stack: Stack) -> list[Line]:
        """Measure over the market of BOOKS."""
        market = loaded(stack, srs=BOOKS)
        with api(stack, **self._settings) as served:
            return list(self._measured(stack, served, market, market.tokens(stack, SRS)))


def _page(stack: Stack, served: tuple[str, int], _: Market, tokens: list[str]) -> Iterator[Line]:
    both = compared(stack, served, [wrk.get(PAGE, token) for token in tokens])
    yield both.line("SR page of 20, warm", limited_by="the cache's look-ups, the request id, the list of headers")
    yield both.p99("SR page of 20, warm, p99", limited_by="sessions and limits of 1,000 SRs, looked after in between")


def _not_modified(stack: Stack, served: tuple[str, int], _: Market, tokens: list[str]) -> Iterator[Line]:
    etags = [one.headers["etag"] for one in answers(served[0], PAGE, tokens)]
    asked = [wrk.get(PAGE, token, If_None_Match=etag) for token, etag in zip(tokens, etags, strict=True)]
    both = compared(stack, served, asked, status=304)
    yield both.line("SR page of 20, not modified", limited_by="as the page; its floor has no body to send")


def _detail(stack: Stack, served: tuple[str, int], market: Market, tokens: list[str]) -> Iterator[Line]:
    paths = [f"/api/v1/sr/retailers/{sr.retailer_id}" for sr in market.srs]
    both = compared(stack, served, [wrk.get(path, token) for path, token in zip(paths, tokens, strict=False)])
    yield both.line("SR's one retailer, warm", limited_by="as the page")


def _sync(stack: Stack, served: tuple[str, int], _: Market, tokens: list[str]) -> Iterator[Line]:
    cursors = [one.json()["cursor"] for one in answers(served[0], "/api/v1/sr/sync?limit=500", tokens)]
    # The first delta after a full pass may move the cursor once more.
    with httpx.Client(base_url=served[0], timeout=30) as client:
        moved = [
            client.get(f"/api/v1/sr/sync?cursor={cursor}", headers={"Authorization": f"Bearer {token}"}).json()[
                "cursor"
            ]
            for cursor, token in zip(cursors, tokens, strict=True)
        ]
    asked = [wrk.get(f"/api/v1/sr/sync?cursor={at}", token) for at, token in zip(moved, tokens, strict=True)]
    yield compared(stack, served, asked).line("SR's sync with nothing new, warm", limited_by="as the page")


def _search(stack: Stack, served: tuple[str, int], _: Market, tokens: list[str]) -> Iterator[Line]:
    path = f"{PAGE}&route=Sat&q=%E0%A6%B8%E0%A7%8D%E0%A6%9F%E0%A7%8B%E0%A6%B0"
    both = compared(stack, served, [wrk.get(path, token, If_None_Match='W/"@"') for token in tokens])
    yield both.line(
        "SR's filter and search, not seen before", limited_by="routing, one round trip to Redis, 70 documents"
    )


def _cold(stack: Stack, served: tuple[str, int], _: Market, tokens: list[str]) -> Iterator[Line]:
    both = compared(stack, served, [wrk.get(PAGE, token) for token in tokens])
    yield both.line("SR page of 20, no response cache", limited_by="routing, one round trip to Redis for the book")


def _wire(_: Stack, served: tuple[str, int], __: Market, tokens: list[str]) -> Iterator[Line]:
    plain = wrk.exchanged(served[0], wrk.get(PAGE, tokens[0]))[2]
    for coding in ("zstd", "gzip"):
        asked = [wrk.get(PAGE, token, Accept_Encoding=coding) for token in tokens]
        lengths = [float(len(wrk.exchanged(served[0], one)[2])) for one in asked[:PAIRS]]
        yield Line(
            name=f"SR page of 20, bytes as {coding}",
            unit="bytes",
            ours=lengths,
            floor=[float(len(plain))] * PAIRS,
            floor_is="the same page as it is",
            limited_by="ids, numbers and positions, which do not repeat",
        )


def _writes(stack: Stack, served: tuple[str, int], market: Market, tokens: list[str]) -> Iterator[Line]:
    gets = [wrk.get(PAGE, token) for token in tokens]
    paths = [f"/api/v1/sr/retailers/{sr.retailer_id}" for sr in market.srs]
    patches = [wrk.patch(path, token) for path, token in zip(paths, tokens, strict=False)]
    read_only = wrk.script(stack.home / "reads.lua", gets)
    for every, share in ((100, "hundredth"), (10, "tenth")):
        wrk.warm(served[0], read_only)
        mixed = wrk.script(stack.home / f"writes-{every}.lua", gets, patches=patches, every=every)
        with Watch(served[0], market.tokens(stack, SRS + 8)[-8:], paths[SRS : SRS + 8]) as watch:
            runs = [
                [wrk.run(served[0], one, seconds=SECONDS).per_second for one in (mixed, read_only)]
                for _ in range(PAIRS)
            ]
        yield Line(
            name=f"SR page of 20, every {share} request the SR's own PATCH",
            unit="requests/s",
            ours=[ours for ours, _ in runs],
            floor=[floor for _, floor in runs],
            floor_is="our own page without writes",
            limited_by="the transaction and the render of each PATCH",
            details={"own writes read back": watch.written, "stale": watch.stale},
        )


page = Reads(_page)
not_modified = Reads(_not_modified)
detail = Reads(_detail)
sync = Reads(_sync)
search = Reads(_search)
cold = Reads(_cold, HAAT_RESPONSE_CACHE_BYTES="0")
wire = Reads(_wire)
writes = Reads(_writes)

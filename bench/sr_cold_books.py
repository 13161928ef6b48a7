"""What books cost that no process and no Redis has: refilled, held in memory, among ten thousand and a million."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
import psutil
from redis.asyncio import Redis

from bench import wrk
from bench.market import Market, loaded
from bench.results import Line
from bench.servers import api, bare, stored
from bench.sr_reads import BOOKS, PAGE, PAIRS, SECONDS
from tests.stack import Stack, running_stack

# The SRs of 10,000 retailers.
FEW: Final = 143
MIB: Final = 1024 * 1024


class Refill:
    """Pages of books that are in PostgreSQL alone; each SR asks once, so none is there a second time."""

    def missing(self) -> str | None:
        """What has to be installed first, if anything."""
        return wrk.missing()

    def measure(self, stack: Stack) -> list[Line]:
        """Ours against one SELECT of the same documents by asyncpg."""
        market = loaded(stack, srs=BOOKS)
        tokens = market.tokens(stack, BOOKS)
        requests = [wrk.get(PAGE, token) for token in tokens]
        script = wrk.script(stack.home / "refills.lua", requests)
        with api(stack, HAAT_RESPONSE_CACHE_BYTES="0") as (url, _):
            status, headers, body, _ = wrk.exchanged(url, requests[0])
            floor = msgspec.structs.replace(
                stored(status, headers, body),
                database=stack.servers.database_url,
                books={
                    f"Bearer {token}": (market.tenant_id, sr.user_id)
                    for token, sr in zip(tokens, market.srs, strict=True)
                },
            )
            ours, theirs = [], []
            with bare(stack, floor) as (floor_url, _):
                for _ in range(PAIRS):
                    asyncio.run(_forget_books(stack))
                    ours.append(wrk.run(url, script, seconds=1).per_second)
                    theirs.append(wrk.run(floor_url, script, seconds=1).per_second)
        return [
            Line(
                name="SR page of 20, value not in Redis",
                unit="requests/s",
                ours=ours,
                floor=theirs,
                floor_is="the same SELECT of the stored documents by asyncpg behind the bare server",
                limited_by="the put into Redis and the second look at the version, routing, sessions asked about",
                details={"books": BOOKS},
            )
        ]


class Memory:
    """An API process that has been asked for every book's first page."""

    def missing(self) -> str | None:
        """What has to be installed first, if anything."""
        return wrk.missing()

    def measure(self, stack: Stack) -> list[Line]:
        """Growth of its memory against the setting."""
        market = loaded(stack, srs=BOOKS)
        script = wrk.script(stack.home / "all.lua", [wrk.get(PAGE, token) for token in market.tokens(stack, BOOKS)])
        with api(stack) as (url, pid):
            before = _resident(pid)
            for _ in range(PAIRS):
                wrk.warm(url, script)
            grown = _resident(pid) - before
        return [
            Line(
                name=f"memory of an API process with {BOOKS:,} books touched",
                unit="MiB",
                ours=[grown / MIB],
                floor=[256.0],
                floor_is="HAAT_RESPONSE_CACHE_BYTES; what the process grew by, sessions and tokens included",
                limited_by="answers of 11 kB, uncompressed; each lives for a minute",
            )
        ]


class Scale:
    """The same page where there is little else."""

    def missing(self) -> str | None:
        """What has to be installed first, if anything."""
        return wrk.missing()

    def measure(self, stack: Stack) -> list[Line]:
        """A stack of a million retailers against one of ten thousand, the same number of SRs asking."""
        with running_stack(workers=0, fast=False) as small:
            few, many = loaded(small, srs=FEW), loaded(stack, srs=BOOKS)
            with api(small) as (small_url, _), api(stack) as (url, _):
                scripts = [_page_script(small, few), _page_script(stack, many)]
                for target, script in ((url, scripts[1]), (small_url, scripts[0])):
                    wrk.warm(target, script)
                runs = [
                    [
                        wrk.run(target, script, seconds=SECONDS).per_second
                        for target, script in ((url, scripts[1]), (small_url, scripts[0]))
                    ]
                    for _ in range(PAIRS)
                ]
        return [
            Line(
                name=f"SR page of 20 among {BOOKS * 70:,} retailers",
                unit="requests/s",
                ours=[ours for ours, _ in runs],
                floor=[floor for _, floor in runs],
                floor_is=f"the same among {FEW * 70:,}",
                limited_by="nothing that grows with the number of retailers",
            )
        ]


def _page_script(stack: Stack, market: Market) -> Path:
    return wrk.script(stack.home / "few.lua", [wrk.get(PAGE, token) for token in market.tokens(stack, FEW)])


def _resident(pid: int) -> int:
    processes = psutil.Process(pid).children(recursive=True)
    return max(int(process.memory_info().rss) for process in processes)


async def _forget_books(stack: Stack) -> None:
    redis: Redis = Redis.from_url(stack.servers.redis_read_url)
    keys = [key async for key in redis.scan_iter(match="haat:books:*", count=1000)]
    for start in range(0, len(keys), 1000):
        await redis.unlink(*keys[start : start + 1000])
    await redis.aclose()


refill = Refill()
memory = Memory()
scale = Scale()

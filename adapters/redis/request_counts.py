"""Requests counted by each process in memory, and merged through Redis in the background.

A request never waits for Redis. Several processes hold about one limit together: each learns within a quarter of a
second what the others have let through. While Redis is away, each counts alone.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, TypeAlias

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.ending import end_tasks
from domain.shared.rates import Meter, Rate

log = structlog.get_logger()

MERGED_EVERY_SECONDS: Final = 0.25
REMEMBERED: Final = 50_000
_TIDIED_EVERY_SECONDS: Final = 10.0
_KEYS_PER_CALL: Final = 500

# Each meter is its level and when that was true, by the server's clock. Processes that overshot together owe no more
# than one full meter, so that nobody waits longer than two periods.
_MERGE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local levels = {}
for i, key in ipairs(KEYS) do
    local taken, each_ms, full = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
    local level = 0
    local old = redis.call('GET', key)
    if old then
        local was, at = string.match(old, '^(%S+) (%S+)$')
        level = math.max(0, tonumber(was) - math.max(0, now - tonumber(at)) / each_ms)
    end
    level = math.min(level + taken, 2 * full)
    redis.call('SET', key, string.format('%.6f %d', level, now), 'PX', math.ceil(level * each_ms) + 1000)
    levels[i] = string.format('%.6f', level)
end
return levels
"""

# The rate's name, then whose requests these are.
Key: TypeAlias = tuple[str, str]


class RequestCounts:
    """One per process."""

    def __init__(self, redis: Redis, rates: Mapping[str, Rate], *, remembered: int = REMEMBERED) -> None:
        self._rates = rates
        self._remembered = remembered
        self._merge_script = redis.register_script(_MERGE)
        self._meters: dict[Key, tuple[Rate, Meter]] = {}
        self._unmerged: dict[Key, int] = {}
        self._tidied_at = time.monotonic()
        self._alone = False

    @asynccontextmanager
    async def merged(self) -> AsyncIterator["RequestCounts"]:
        """While inside, the counts are exchanged with those of the other processes."""
        if not self._rates:
            yield self
            return
        merging = asyncio.create_task(self._keep_merging())
        try:
            yield self
        finally:
            await end_tasks([merging], seconds=1)

    def take(self, name: str, subject: str, *, times: int = 1) -> tuple[Rate, float] | None:
        """None for a request that may pass; else the rate it is over and the seconds until one may.

        `times` as many requests are allowed to a subject that stands for several people; a subject always has the same.
        """
        key = (name, subject)
        now = time.monotonic()
        known = self._meters.get(key)
        if known is None:
            rate = self._rates.get(name)
            if rate is None:
                return None
            known = self._new(key, Rate(rate.policy, rate.requests * times, rate.seconds), now)
        rate, meter = known
        wait = meter.take(rate, now)
        if wait:
            return rate, wait
        self._unmerged[key] = self._unmerged.get(key, 0) + 1
        return None

    async def merge(self) -> None:
        """Tell Redis what passed here since the last time, and learn what passed elsewhere."""
        unmerged, self._unmerged = self._unmerged, {}
        keys = [key for key in unmerged if key in self._meters]
        try:
            for start in range(0, len(keys), _KEYS_PER_CALL):
                await self._merge_some(keys[start : start + _KEYS_PER_CALL], unmerged)
        except (RedisError, OSError, TimeoutError) as error:
            # What was not told is forgotten: told later, it would count requests that have long leaked out.
            if not self._alone:
                log.warning("requests_counted_alone", error=str(error)[:300])
            self._alone = True
        else:
            if self._alone and keys:
                log.info("requests_counted_together_again")
                self._alone = False

    async def _merge_some(self, keys: Sequence[Key], taken: Mapping[Key, int]) -> None:
        args: list[float] = []
        for key in keys:
            rate, _ = self._meters[key]
            args += (taken[key], rate.seconds_each * 1000, rate.requests)
        levels = await self._merge_script(
            keys=[f"request_counts:{name}:{subject}" for name, subject in keys], args=args
        )
        now = time.monotonic()
        for key, level in zip(keys, levels, strict=True):
            if (known := self._meters.get(key)) is not None:
                rate, meter = known
                meter.raise_to(float(level) + self._unmerged.get(key, 0), rate, now)

    async def _keep_merging(self) -> None:
        while True:
            await asyncio.sleep(MERGED_EVERY_SECONDS)
            await self.merge()
            if time.monotonic() > self._tidied_at + _TIDIED_EVERY_SECONDS:
                self._tidy()

    def _new(self, key: Key, rate: Rate, now: float) -> tuple[Rate, Meter]:
        if len(self._meters) >= self._remembered:
            self._tidy()
            if len(self._meters) > self._remembered * 9 // 10:
                # Too many at once: those seen first are forgotten here, not in Redis.
                for oldest in list(islice(self._meters, self._remembered // 10 + 1)):
                    del self._meters[oldest]
        known = self._meters[key] = (rate, Meter(now))
        return known

    def _tidy(self) -> None:
        """Meters that have run empty say nothing."""
        now = self._tidied_at = time.monotonic()
        self._meters = {
            key: (rate, meter)
            for key, (rate, meter) in self._meters.items()
            if key in self._unmerged or meter.level(rate, now) > 0
        }

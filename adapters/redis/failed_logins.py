"""Failed logins, counted in Redis for all processes together, and by each process alone while Redis is away."""

import math
import time
from collections.abc import Mapping
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from adapters.environment import Limit
from domain.sessions import TooManyFailedLogins

log = structlog.get_logger()

# Counts all keys up, or none when one is full: then it answers the milliseconds until that one is free again.
_TAKE: Final = """
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[i + 1]) then
        return math.max(redis.call('PTTL', key), 1)
    end
end
for _, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 0
"""
_GIVE_BACK: Final = """
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
"""
_REMEMBERED: Final = 50_000
# An address may be that of a whole office: it has so many times the tries of one login.
_OFFICE: Final = 10


class FailedLogins:
    """A try is taken before the password is looked at, so parallel guesses count too; a right one is given back."""

    def __init__(self, redis: Redis, limit: Limit | None) -> None:
        self._limit = limit
        self._take = redis.register_script(_TAKE)
        self._give_back = redis.register_script(_GIVE_BACK)
        # key: tries, end of the window by the monotonic clock
        self._alone: dict[str, tuple[int, float]] = {}

    async def take(self, *subjects: str) -> None:
        """One try for each subject: `login:…`, `user:…`, `address:…`. Raises TooManyFailedLogins."""
        if self._limit is None:
            return
        keys = [_key(subject) for subject in subjects]
        quotas = [self._limit.requests * (_OFFICE if subject.startswith("address:") else 1) for subject in subjects]
        try:
            wait_ms = int(await self._take(keys=keys, args=[self._limit.seconds * 1000, *quotas]))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("failed_logins_counted_alone", error=str(error)[:300])
            wait_ms = self._take_alone(dict(zip(keys, quotas, strict=True)), self._limit.seconds)
        if wait_ms:
            message = "Too many failed logins. Wait a little, then try again."
            raise TooManyFailedLogins(
                message,
                retry_after=math.ceil(wait_ms / 1000),
                quota=self._limit.requests,
                window=self._limit.seconds,
            )

    async def give_back(self, *subjects: str) -> None:
        """The password was right: these tries count for nothing."""
        keys = [_key(subject) for subject in subjects]
        for key in keys:
            if key in self._alone:
                tries, until = self._alone[key]
                self._alone[key] = (max(tries - 1, 0), until)
        try:
            await self._give_back(keys=keys)
        except (RedisError, OSError, TimeoutError) as error:
            log.info("failed_logins_not_given_back", error=str(error)[:300])

    def _take_alone(self, quotas: Mapping[str, int], seconds: int) -> int:
        now = time.monotonic()
        if len(self._alone) > _REMEMBERED:
            self._alone = {key: entry for key, entry in self._alone.items() if entry[1] > now}
        fresh = (0, now + seconds)
        entries = {key: entry if (entry := self._alone.get(key, fresh))[1] > now else fresh for key in quotas}
        for key, (tries, until) in entries.items():
            if tries >= quotas[key]:
                return max(1, round((until - now) * 1000))
        self._alone |= {key: (tries + 1, until) for key, (tries, until) in entries.items()}
        return 0


def _key(subject: str) -> str:
    return f"failed_logins:{subject}"

"""What Redis knows of sessions, for when PostgreSQL is away: that they were good, and that they have ended."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

# Longer than any access token lives, the leeway of its verification included.
KEPT_SECONDS: Final = 900

# One key per session: whoever is late with "good" never overwrites "ended".
_PUT_GOOD: Final = """
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) ~= 'ended' then redis.call('SET', key, 'good', 'EX', ARGV[1]) end
end
"""


class SessionMarks:
    """On the Redis that never evicts: losing a mark alone would bring an ended session back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._put_good = redis.register_script(_PUT_GOOD)

    async def put_good(self, sessions: Sequence[UUID]) -> None:
        """PostgreSQL has just called these good."""
        await self._put_good(keys=[_key(session) for session in sessions], args=[KEPT_SECONDS])

    async def put_ended(self, sessions: Sequence[UUID]) -> None:
        """These have ended; to be called after the commit that ended them, and again by whoever is not sure."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for session in sessions:
                pipeline.set(_key(session), "ended", ex=KEPT_SECONDS)
            await pipeline.execute()

    async def read(self, sessions: Sequence[UUID]) -> Mapping[UUID, bool]:
        """Whether each is good; those of which nothing is known are left out."""
        values = await self._redis.mget([_key(session) for session in sessions])
        known = zip(sessions, values, strict=True)
        return {session: value == b"good" for session, value in known if value is not None}


def _key(session: UUID) -> str:
    return f"sessions:{session}"

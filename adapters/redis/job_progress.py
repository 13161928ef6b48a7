"""How far the pieces of a running job are: kept in Redis only, and nobody is worse off without it."""

from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

KEPT_SECONDS = 3600


class PieceProgress(msgspec.Struct, frozen=True, array_like=True):
    """`done` of `total` (if known) in `unit`; None is the job's own unit."""

    done: int
    total: int | None
    unit: str | None


class JobProgress:
    """Writes and reads progress; Redis being away is no error."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def report(self, tenant_id: UUID, job_id: UUID, number: int, piece: PieceProgress) -> None:
        """The chunk `number` is as far as this."""
        key = _key(tenant_id, job_id)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(key, str(number), msgspec.msgpack.encode(piece))  # type: ignore[arg-type]  # bytes are fine
                pipe.expire(key, KEPT_SECONDS)
                await pipe.execute()
        except (RedisError, OSError):
            return

    async def forget(self, tenant_id: UUID, job_id: UUID, number: int) -> None:
        """The chunk is no longer worked on."""
        try:
            await self._redis.hdel(_key(tenant_id, job_id), str(number))  # type: ignore[misc]  # redis-py's annotations mix both worlds
        except (RedisError, OSError):
            return

    async def read(self, tenant_id: UUID, job_id: UUID) -> dict[int, PieceProgress]:
        """The chunks that are being worked on."""
        try:
            pieces = await self._redis.hgetall(_key(tenant_id, job_id))  # type: ignore[misc]  # the same
            return {int(number): msgspec.msgpack.decode(raw, type=PieceProgress) for number, raw in pieces.items()}
        except (RedisError, OSError, msgspec.DecodeError):
            return {}


def _key(tenant_id: UUID, job_id: UUID) -> str:
    return f"jobs:progress:{tenant_id}:{job_id}"

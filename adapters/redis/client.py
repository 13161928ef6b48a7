"""Connections to Redis: bounded, with short timeouts, since everything that Redis knows PostgreSQL knows too."""

from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError


class ClosingPool(BlockingConnectionPool):
    """Once closed it stays closed.

    redis-py's own pools open again for a command that was under way or comes late, and nobody closes that connection.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  redis-py's own, passed on
        self._closed = False
        super().__init__(**options, redis_connect_func=self._greet)

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002  redis-py's signature
        """Close the pool, or its idle connections alone."""
        self._closed = self._closed or inuse_connections
        await super().disconnect(inuse_connections)

    async def _greet(self, connection: AbstractConnection) -> None:
        """Say hello, and good-bye if the pool was closed before or meanwhile: the error disconnects."""
        if not self._closed:
            await connection.on_connect()
        if self._closed:
            message = "These connections to Redis have been closed."
            raise RedisConnectionError(message)


def open_redis(url: str, *, max_connections: int = 32, timeout: float = 1.0) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`; answers stay bytes. `timeout` is in seconds, per command."""
    pool = ClosingPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=0.5,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.1, base=0.01), 2),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return Redis.from_pool(pool)

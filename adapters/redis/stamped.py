"""Connections that know which server they talk to, so that a value written to another one is never trusted."""

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from adapters.redis.client import ClosingPool

STAMPS_LENGTH: Final = 80
# Seconds that a connection's stamps are believed; a server that became a replica may keep its old connections.
STAMPS_SECONDS: Final = 1


class StampedConnection(AbstractConnection):
    """Learns `run_id` and `master_replid` when it opens, and again every second of use.

    `run_id` alone was the same after a failover there and back.
    """

    # A section each: INFO takes several only since Redis 7.
    QUESTIONS: Final = (("INFO", "server"), ("INFO", "replication"))

    stamps: bytes = b""
    _fresh_until: float = 0

    async def on_connect(self) -> None:
        """Ask right after logging in."""
        await super().on_connect()
        await self._learn()

    async def refresh(self) -> None:
        """Ask again when the stamps are old. Raises redis-py's ConnectionError when this is no master."""
        if asyncio.get_running_loop().time() > self._fresh_until:
            await self._learn()

    async def ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send all commands at once and give their answers; a refused command's error stands among them."""
        await self.send_packed_command(self.pack_commands(commands), check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await self.read_response(disable_decoding=True))
            except ResponseError as error:
                answers.append(error)
        return answers

    async def _learn(self) -> None:
        asked_at = asyncio.get_running_loop().time()
        try:
            self.take_stamps(await self.ask(self.QUESTIONS))
        except RedisConnectionError:
            await self.disconnect(nowait=True)
            raise
        self._fresh_until = asked_at + STAMPS_SECONDS

    def take_stamps(self, answers: Sequence[object]) -> None:
        """Learn from the answers to QUESTIONS. Raises redis-py's ConnectionError when this is no master."""
        server, replication = [_fields(one) for one in answers]
        stamps = server.get(b"run_id", b"") + replication.get(b"master_replid", b"")
        if len(stamps) != STAMPS_LENGTH or replication.get(b"role") != b"master":
            message = "This Redis server is no master, or does not tell its run_id."
            raise RedisConnectionError(message)
        self.stamps = stamps


class _Tcp(StampedConnection, Connection):
    pass


class _Tls(StampedConnection, SSLConnection):
    pass


class _Unix(StampedConnection, UnixDomainSocketConnection):
    pass


_KINDS: Final[dict[object, type[StampedConnection]]] = {SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


class StampedPool:
    """A bounded pool of such connections, without retries: whoever reads falls back to PostgreSQL instead.

    `timeout` (seconds) bounds waiting for a connection, connecting, and each answer.
    """

    def __init__(self, url: str, *, max_connections: int = 32, timeout: float = 0.25) -> None:
        options: dict[str, Any] = dict(parse_url(url))
        kind = _KINDS.get(options.pop("connection_class", Connection), _Tcp)
        own: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "retry": Retry(NoBackoff(), 0),
            "lib_name": None,
            "lib_version": None,
        }
        # Those that a connection of the pool has learnt last.
        self.stamps = b""
        self._listener = functools.partial(kind, **(own | options), protocol=3)
        self._pool = ClosingPool(
            connection_class=kind,
            max_connections=max_connections,
            timeout=timeout,
            **(own | options),
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[StampedConnection]:
        """A connection whose stamps are fresh. A command that is cut off half-way closes it."""
        connection = cast("StampedConnection", await self._pool.get_connection())
        try:
            await connection.refresh()
            self.stamps = connection.stamps
            yield connection
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def listener(self) -> AsyncIterator[StampedConnection]:
        """A connection of its own that may subscribe and ask at the same time (RESP3), closed afterwards."""
        connection = self._listener()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py annotates it not
            yield connection
        finally:
            await connection.disconnect()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def _fields(info: object) -> dict[bytes, bytes]:
    if not isinstance(info, bytes):
        return {}
    parts = [line.partition(b":") for line in info.split(b"\r\n")]
    return {name: value for name, _, value in parts}

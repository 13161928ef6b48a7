"""What is announced of books, heard over one connection that proves again and again that it hears everything."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
from hiredis import PushNotification
from redis.exceptions import RedisError

from adapters.ending import end_tasks
from adapters.redis.stamped import StampedConnection, StampedPool
from adapters.redis.views import CHANNEL, Announced, parse_version

log = structlog.get_logger()

PING_SECONDS: Final = 0.15
# From the sending of a ping that was answered. Counted from the arrival of answers, a line on which everything comes
# five seconds late would be trusted for ever.
TRUSTED_SECONDS: Final = 0.45
# A connection without an answer for so long is given up for a new one.
SILENT_SECONDS: Final = 3.0
RECONNECT_SECONDS: Final = 0.25


class Subscription:
    """One connection's life as a listener; its identity is all that matters."""


class BookMessages:
    """Listens as long as the process lives; `announced` is called for each message, `lost` when some may be missed.

    `subscription` is None while nobody listens. `pool` is that of the readers: what is heard from another server than
    the one they read from says nothing about what they read.
    """

    def __init__(self, pool: StampedPool, announced: Announced, lost: Callable[[], None]) -> None:
        self._pool = pool
        self._announced = announced
        self._lost = lost
        self._stamps = b""
        self._trusted_until = 0.0
        self.subscription: Subscription | None = None

    def hears_all(self, now: float) -> bool:
        """Whether all that was announced until a moment ago has been heard; `now` is of the monotonic clock."""
        return now < self._trusted_until and self._stamps == self._pool.stamps

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While inside, messages are heard."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            await end_tasks([task], seconds=1)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._pool.listener() as connection:
                    await self._follow(connection)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                # ValueError: a message that nobody understands may be of any book.
                log.info("book_messages_lost", error=str(error)[:200])
            finally:
                self._trusted_until, self.subscription = 0.0, None
                self._lost()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self, connection: StampedConnection) -> None:
        """Hear until the connection breaks, is silent for too long, or turns out to be to another server."""
        await connection.ask([("SUBSCRIBE", CHANNEL)])
        self._stamps, readers = connection.stamps, self._pool.stamps
        pings: deque[float] = deque()
        pinging = asyncio.create_task(_ping(connection, pings))
        answer: list[bytes] = []
        try:
            while not pinging.done():
                received = await connection.read_response(disable_decoding=True, timeout=SILENT_SECONDS)
                if received is None:
                    return
                if isinstance(received, PushNotification):
                    self._hear(received)
                    continue
                answer.append(received)
                if len(answer) == len(StampedConnection.QUESTIONS):
                    connection.take_stamps(answer)
                    if connection.stamps != self._stamps or self._pool.stamps not in {readers, self._stamps}:
                        return
                    self._trusted_until = pings.popleft() + TRUSTED_SECONDS
                    self.subscription = self.subscription or Subscription()
                    answer = []
        finally:
            await end_tasks([pinging], seconds=1)

    def _hear(self, message: list[bytes]) -> None:
        if message[0] == b"message":
            book, _, version = message[2].partition(b" ")
            self._announced(book.decode(), parse_version(version))


async def _ping(connection: StampedConnection, pings: deque[float]) -> None:
    """Ask which server this is, again and again; `pings` gets the moment before each question is sent."""
    question = connection.pack_commands(StampedConnection.QUESTIONS)
    while True:
        pings.append(time.monotonic())
        await connection.send_packed_command(question, check_health=False)
        await asyncio.sleep(PING_SECONDS)

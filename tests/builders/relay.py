"""A socket in front of PostgreSQL or Redis that a test can cut, hold up or slow down, while the server itself goes on
for others.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

SOCKET = ".s.PGSQL.5432"


class Relay:
    """Forwards connections to `server`; `url` is that of the same database through it.

    `delay` is in seconds: how much later everything arrives, in both directions.
    """

    def __init__(self, server: Path, socket: Path, url: str) -> None:
        self._server = server
        self._socket = socket
        self.url = url
        self.delay = 0.0
        self._listener: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()

    async def connect(self) -> None:
        """Let everybody through."""
        self._open.set()
        if self._listener is None:
            self._listener = await asyncio.start_unix_server(self._forward, self._socket)

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._socket.unlink(missing_ok=True)
        for flow in list(self._flows):
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    def switch(self, url: str) -> None:
        """New connections lead to the Redis of this URL."""
        self._server = Path(urlsplit(url).path)

    def hold_up(self) -> None:
        """Keep every connection, and let nothing through, as a server that hangs."""
        self._open.clear()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_unix_connection(self._server)
        flows = [asyncio.create_task(self._flow(reader, there)), asyncio.create_task(self._flow(back, writer))]
        self._flows.update(flows)
        try:
            await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for flow in flows:
                flow.cancel()
            self._flows.difference_update(flows)
            for one in (writer, there):
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def relay_to(url: str, folder: Path) -> AsyncIterator[Relay]:
    """A relay to PostgreSQL that lets everybody through until it is told otherwise."""
    parts = urlsplit(url)
    server = Path(parse_qs(parts.query)["host"][0]) / SOCKET
    through = urlunsplit(parts._replace(query=f"host={quote(str(folder), safe='')}"))
    async with _connected(Relay(server, folder / SOCKET, through)) as relay:
        yield relay


@asynccontextmanager
async def redis_relay_to(url: str, folder: Path) -> AsyncIterator[Relay]:
    """The same to Redis."""
    parts = urlsplit(url)
    socket = folder / "redis.sock"
    through = urlunsplit(parts._replace(path=str(socket)))
    async with _connected(Relay(Path(parts.path), socket, through)) as relay:
        yield relay


@asynccontextmanager
async def _connected(relay: Relay) -> AsyncIterator[Relay]:
    await relay.connect()
    try:
        yield relay
    finally:
        await relay.cut()

"""Ends streams when the server is told to stop: an open one would keep it from ever exiting."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType


@asynccontextmanager
async def stopping_on_sigterm() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets, before whatever the server itself does then."""
    stopping = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        stopping.set()
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopping
    finally:
        stopping.set()
        for number, earlier in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, earlier)

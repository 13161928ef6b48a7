"""The life of a background process: once told to stop it is gone within three seconds, whatever hangs."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
import uvloop

from adapters.ending import end_tasks

log = structlog.get_logger()

# What duties may take to end by themselves, then to be cancelled; the rest is for closing connections.
STOP_SECONDS = 1.9
CANCEL_SECONDS = 0.4
GONE_SECONDS = 2.8

Main = Callable[[asyncio.Event], Awaitable[None]]


def run_process(main: Main) -> int:
    """Run `main` with an event that SIGTERM and SIGINT set; gives the exit code.

    A thread cannot be ended from outside, and a server that hangs may keep a connection from closing: what has not
    ended in time ends with the process. All that matters is in PostgreSQL, or is there again when a lease runs out.
    """
    ended = threading.Event()

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def told() -> None:
            if not stop.is_set():
                stop.set()
                _watch(loop, ended)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        await main(stop)
        ended.set()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    return 0


async def until_stopped(stop: asyncio.Event, *duties: Coroutine[Any, Any, None]) -> None:
    """All duties until `stop`, or until one fails; whoever has not ended soon afterwards is made to."""
    tasks = [asyncio.create_task(duty) for duty in duties]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in late:
        log.warning("stops_late", duty=_name(task))
    await end_tasks({stopping, *late}, seconds=CANCEL_SECONDS)
    for task in tasks:
        if task not in late:
            task.result()


def _watch(loop: asyncio.AbstractEventLoop, ended: threading.Event) -> None:
    timer = threading.Timer(GONE_SECONDS, _leave, (loop, ended))
    timer.daemon = True
    timer.start()


def _leave(loop: asyncio.AbstractEventLoop, ended: threading.Event) -> None:
    if ended.is_set():
        threads = [thread.name for thread in threading.enumerate()]
        log.warning("stopped_with_threads", pid=os.getpid(), threads=threads)
    else:
        log.error("stopped_hard", pid=os.getpid(), tasks=sorted(_name(task) for task in asyncio.all_tasks(loop)))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if ended.is_set() else 1)


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", repr(task))

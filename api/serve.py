"""Granian's command, with workers that can be told to stop at any moment, and more than once.

Granian forks a worker with signal handlers that do nothing there, and has it import the application before it listens
to signals: told to stop in that second, it does not hear it. Told twice before it serves (a signal to the whole process
group is followed by one from Granian itself), it blocks for ever. Either way it was killed half a minute later.
"""

import asyncio
import os
import signal
from typing import Final

from granian import _signals
from granian._granian import WorkerSignal
from granian.cli import entrypoint

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve() -> None:
    """Serve as the command line says."""
    os.register_at_fork(after_in_child=_listen_at_once)
    _signals.set_loop_signals = _listen
    entrypoint()  # type: ignore[no-untyped-call]  # Granian annotates it not


def _listen_at_once() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def _listen(loop: asyncio.AbstractEventLoop) -> WorkerSignal:
    """Granian's own, but that it tells its worker once: the second `set` waits for somebody to take the first."""
    told = WorkerSignal()
    heard = False

    def hear() -> None:
        nonlocal heard
        if not heard:
            heard = True
            told.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, hear)
    return told


if __name__ == "__main__":
    serve()

"""Structured logs: JSON lines in production, readable ones on a terminal; never a secret or a body."""

import asyncio
import logging
import multiprocessing.util
import sys
from typing import Final, TextIO

import structlog

# Seconds that a line of an everyday event may wait for others.
TOGETHER_SECONDS: Final = 0.02


class TogetherLogger:
    """Writes everyday lines a moment later, many at once: a write for each took a third of what a request costs.

    Warnings and worse are written at once, after the lines before them; so is everything where no event loop runs.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: list[str] = []
        # Also at the end of a forked process, where atexit is not asked.
        multiprocessing.util.Finalize(self, self.flush, exitpriority=0)

    def info(self, line: str) -> None:
        """An everyday event."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self.flush)
        except RuntimeError:
            self.flush()

    def warning(self, line: str) -> None:
        """What somebody should see now."""
        self._lines.append(line)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        if lines:
            self._file.write("\n".join(lines) + "\n")
            self._file.flush()

    debug = msg = log = info
    warn = error = critical = fatal = failure = err = exception = warning


def configure_logs(*, level: str = "info", json_lines: bool = False, together: bool = False) -> None:
    """Set up structlog for this process; `level` is a name that `logging` knows.

    `together` is for processes that log many lines a second.
    """
    own = TogetherLogger(sys.stderr) if together else None
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(
            # The default formatter prints local variables, and with them tokens and passwords.
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if json_lines else _as_is,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=(lambda *_: own) if own else structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _as_is(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event

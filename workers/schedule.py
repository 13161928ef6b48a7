"""Everything that happens by the clock, on one page."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from workers.book_audit import audit_books
from workers.due_jobs import start_due_jobs
from workers.machinery import Machinery
from workers.retention import clear_storage, tidy
from workers.sweeper import sweep

log = structlog.get_logger()


class Every(msgspec.Struct, frozen=True, kw_only=True):
    """Done by every worker process so often; harmless when several do it at once."""

    seconds: float
    do: Callable[[Machinery], Awaitable[None]]


SCHEDULE: tuple[Every, ...] = (
    Every(seconds=2.0, do=sweep),
    Every(seconds=2.0, do=start_due_jobs),
    Every(seconds=15.0, do=audit_books),
    Every(seconds=300.0, do=tidy),
    Every(seconds=3600.0, do=clear_storage),
)


async def keep_schedule(machinery: Machinery) -> None:
    """Until the process stops."""
    await asyncio.gather(*(_keep(machinery, one) for one in SCHEDULE))


async def _keep(machinery: Machinery, one: Every) -> None:
    while not machinery.stop.is_set():
        try:
            await one.do(machinery)
        except (SQLAlchemyError, OSError) as error:
            log.warning("schedule_waits", doing=one.do.__name__, error=str(error)[:200])
        except Exception:
            log.exception("schedule_failed", doing=one.do.__name__)
        with contextlib.suppress(TimeoutError):
            pause = one.seconds * random.uniform(0.8, 1.1)  # noqa: S311  so that processes do not march in step
            await asyncio.wait_for(machinery.stop.wait(), pause)

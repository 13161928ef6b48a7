"""Why a step failed, and whether and when it is worth another try."""

import random

import msgspec
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.redis.views import ViewsAway
from commands._run import is_transient, sqlstate
from domain.jobs import JobFailed
from domain.shared.errors import Refusal, Unavailable

# A step that only ever meets servers that are away, or deadlocks, is given up after so many attempts.
MAX_ATTEMPTS = 50
SLOWEST_AGAIN_S = 5.0
_SHOWN = 300


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """`error` is `code: message`; `again_in_s` None means never; `counts` whether it is one of the few tries."""

    error: str
    again_in_s: float | None
    counts: bool = True


def classify(error: Exception, *, step: str, failures: int, attempt: int) -> Failure:
    """What to make of an exception from a step that has failed `failures` times before.

    Rendering is never given up for servers that are away: a job ends only when the books of all it changed are fresh.
    """
    if isinstance(error, JobFailed | Refusal) and not is_passing(error):
        return Failure(error=f"{error.code}: {error.message}", again_in_s=None)
    name = f"{type(error).__name__}: {' '.join(str(error).split())}"[:_SHOWN]
    text = f"step_failed: A part of the job failed again and again, last with {name}"
    if is_passing(error):
        pause = min(SLOWEST_AGAIN_S, 0.2 * 1.2 ** min(attempt, 30))
        counts = attempt >= MAX_ATTEMPTS and step != "render"
        return Failure(error=text, again_in_s=_jittered(pause), counts=counts)
    return Failure(error=text, again_in_s=_jittered(min(30.0, 0.5 * 2**failures)))


def is_passing(error: BaseException) -> bool:
    """Whether it is the fault of the moment: a deadlock, a server that restarts, a full pool."""
    if isinstance(error, DBAPIError):
        state = sqlstate(error) or ""
        away = error.connection_invalidated or isinstance(error, InterfaceError)
        # 08: connection, 53: out of resources, 57P: shutdown
        return is_transient(error) or away or state[:2] in {"08", "53"} or state[:3] == "57P"
    return isinstance(error, PoolTimeout | ViewsAway | Unavailable | ConnectionError | TimeoutError)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311  jitter is no secret

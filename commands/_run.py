"""How every write happens: one transaction, one idempotency key, one outbox, then the books it touched."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.stores import idempotency_keys as key_store
from adapters.postgres.stores import outbox as outbox_store
from adapters.postgres.transaction import Announcement, Tx, transaction
from domain.shared.actor import Actor
from domain.shared.errors import Unavailable

log = structlog.get_logger()

C = TypeVar("C", bound="Command")
C_contra = TypeVar("C_contra", bound="Command", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

ATTEMPTS = 5
# deadlock_detected, lock_not_available, serialization_failure
_TRANSIENT = frozenset({"40P01", "55P03", "40001"})
# unique_violation, exclusion_violation: transient only on this constraint, where it means "somebody was faster"
_OVERTAKEN = frozenset({"23505", "23P01"})
_OPEN_ASSIGNMENT = "uq_assignments_open"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants changed; handlers take one of these and the transaction."""


class Handler(Protocol[C_contra, R_co]):
    """A command's handler: lock, decide, store, announce."""

    def __call__(self, command: C_contra, tx: Tx, /) -> Awaitable[R_co]:
        """Carry out the command in the transaction."""
        ...


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's key for one request, and the digests of the request's body: the first is stored, any is known."""

    method: str
    path: str
    key: str
    digests: tuple[bytes, ...]


class Restart(Exception):  # noqa: N818  # it is no error: the Runner begins again
    """Raised by a handler which found, after its locks, that what it had planned on has moved."""


class Done(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What became of a command: the handler's result and the token that makes it readable.

    `version` is the `Haat-Version` token; `replayed` tells that the result was stored by an earlier request.
    """

    result: R
    version: str
    replayed: bool = False


class _Ended(NamedTuple, Generic[R]):
    """A command that has committed, or had before."""

    result: R
    announced: list[Announcement]
    replayed: bool


class Projector(Protocol):
    """Brings the books up to date after a commit, so that callers read their own writes."""

    async def after_commit(self, actor: Actor, announced: Sequence[Announcement], *, replayed: bool) -> str:
        """Render what the announcements touch, and give the caller's `Haat-Version`. Never raises."""
        ...


class Runner:
    """Runs commands. One per process."""

    def __init__(self, engine: AsyncEngine, projector: Projector, wake_relay: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._projector = projector
        self._wake_relay = wake_relay

    async def __call__(self, handler: Handler[C, R], command: C, *, actor: Actor) -> R:
        """Run without an idempotency key; only the result."""
        done = await self.run(handler, command, actor=actor)
        return done.result

    async def run(
        self,
        handler: Handler[C, R],
        command: C,
        *,
        actor: Actor,
        idempotency: Idempotency | None = None,
        result_type: type[R] | None = None,
    ) -> Done[R]:
        """Run `handler`; a repeated `idempotency` gives the first result again, decoded as `result_type`."""
        ended = await self._ended(handler, command, actor, idempotency, result_type)
        version = await self._follow(actor, ended.announced, replayed=ended.replayed)
        return Done(result=ended.result, version=version, replayed=ended.replayed)

    async def run_each(self, handler: Handler[C, R], commands: Sequence[C], *, actor: Actor) -> Done[list[R]]:
        """Run `handler` for each command in a transaction of its own, one after another, and render once after all.

        Whatever is raised leaves the commands before as they are, committed, and their books to the relay.
        """
        ended = [await self._ended(handler, command, actor, None, None) for command in commands]
        announced = [one for each in ended for one in each.announced]
        # As if replayed: any of them may repeat a command whose own render never happened.
        version = await self._follow(actor, announced, replayed=True)
        return Done(result=[one.result for one in ended], version=version)

    async def _ended(
        self,
        handler: Handler[C, R],
        command: C,
        actor: Actor,
        idempotency: Idempotency | None,
        result_type: type[R] | None,
    ) -> _Ended[R]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(handler, command, actor, idempotency, result_type)
            except Restart:
                log.info("command_restarted", command=type(command).__name__, attempt=attempt)
            except DBAPIError as error:
                if not is_transient(error):
                    raise
                log.info("command_retried", command=type(command).__name__, attempt=attempt, sqlstate=sqlstate(error))
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  # jitter is no secret
        message = "Too many others are changing the same rows. Try again in a moment."
        raise Unavailable(message)

    async def _attempt(
        self,
        handler: Handler[C, R],
        command: C,
        actor: Actor,
        idempotency: Idempotency | None,
        result_type: type[R] | None,
    ) -> _Ended[R]:
        async with transaction(self._engine, actor) as tx:
            stored = await key_store.claim(tx, idempotency) if idempotency else None
            if stored is None:
                result = await handler(command, tx)
                if idempotency:
                    await key_store.keep(tx, idempotency, msgspec.json.encode(result))
            else:
                result = cast("R", msgspec.json.decode(stored, type=result_type or object))
            await outbox_store.insert(tx, tx.announced)
        return _Ended(result, tx.announced, stored is not None)

    async def _follow(self, actor: Actor, announced: Sequence[Announcement], *, replayed: bool) -> str:
        version = await self._projector.after_commit(actor, announced, replayed=replayed)
        if announced:
            await self._wake_relay()
        return version


def sqlstate(error: DBAPIError) -> str | None:
    """The five-character code of PostgreSQL's error (PostgreSQL manual, appendix A)."""
    code: str | None = getattr(error.orig, "sqlstate", None)
    return code


def constraint_name(error: DBAPIError) -> str | None:
    """The constraint that was violated, if that is what happened."""
    cause = getattr(error, "driver_exception", None) or getattr(error.orig, "__cause__", None)
    name: str | None = getattr(cause, "constraint_name", None)
    return name


def is_transient(error: DBAPIError) -> bool:
    """Whether the same command may succeed when it is simply run again."""
    state = sqlstate(error)
    return state in _TRANSIENT or (state in _OVERTAKEN and constraint_name(error) == _OPEN_ASSIGNMENT)

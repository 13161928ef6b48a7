"""Who calls, and what they can do with Haat: the one dependency of every route."""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

from litestar import Request

from api.services import Services
from commands._run import Command, Handler, Idempotency
from domain.shared.actor import Actor
from domain.shared.errors import Malformed
from queries._read import Read

C = TypeVar("C", bound=Command)
R = TypeVar("R")

_MAX_KEY_LENGTH = 255


class Caller:
    """The actor of this request, able to run commands and to read, both as that actor and nobody else."""

    __slots__ = ("_request", "actor", "services")

    def __init__(self, request: Request[Any, Any, Any], services: Services, actor: Actor) -> None:
        self._request = request
        self.services = services
        self.actor = actor

    @property
    def read(self) -> Read:
        """Reading as this caller."""
        return Read(engine=self.services.engine, actor=self.actor)

    async def check_session(self) -> None:
        """Raises SessionEnded when the session has ended since the request began: for answers that take minutes."""
        if self.actor.session_id is not None:
            await self.services.sessions.check(self.actor.tenant, self.actor.session_id)

    async def run(self, handler: Handler[C, R], command: C, *, into: type[R], digest: bytes | None = None) -> R:
        """Run the command under the request's Idempotency-Key, if there is one.

        `into` is the handler's result type; a repeated request decodes its stored result into it.
        `digest` stands for the body where the body is not kept in memory (uploads).
        The answer will carry the `Haat-Version` that makes this write readable.
        """
        done = await self.services.runner.run(
            handler, command, actor=self.actor, idempotency=await self._idempotency(digest), result_type=into
        )
        self._request.scope["state"]["haat_version"] = done.version
        return done.result

    async def run_each(self, handler: Handler[C, R], commands: Sequence[C]) -> list[R]:
        """Run each command in a transaction of its own, without a key: their own ids tell what has been done already.

        The answer will carry the `Haat-Version` that makes all of these writes readable.
        """
        done = await self.services.runner.run_each(handler, commands, actor=self.actor)
        self._request.scope["state"]["haat_version"] = done.version
        return done.result

    async def _idempotency(self, digest: bytes | None) -> Idempotency | None:
        key = self._request.headers.get("idempotency-key")
        if key is None:
            return None
        if not 1 <= len(key) <= _MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
            message = f"Idempotency-Key must be 1 to {_MAX_KEY_LENGTH} printable ASCII characters, such as a UUID."
            raise Malformed(message)
        if digest is None:
            digest = hashlib.sha256(await self._request.body()).digest()
        url = self._request.url
        path = f"{url.path}?{url.query}" if url.query else url.path
        digests = self.services.body_digests.of(digest)
        return Idempotency(method=self._request.method, path=path, key=key, digests=digests)


async def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """The caller; routes that are open to everybody must not ask for it."""
    return Caller(request, request.app.state.services, request.scope["state"]["actor"])

"""Refusals: the ways in which Haat says no, each with a stable code.

Nothing here knows of HTTP; `api/errors.py` alone maps a refusal to a status and a problem document.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with one place of an input.

    `pointer` is a JSON pointer (RFC 6901) into the body, or the name of a query parameter or column.
    """

    pointer: str
    code: str
    message: str


class Refusal(Exception):  # noqa: N818  # a refusal is an answer, not an error
    """A request that Haat understands and does not carry out; `message` tells what to do."""

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.faults = tuple(faults)
        self.details = details


class Malformed(Refusal):
    """The request cannot be read at all."""

    code = "malformed"
    title = "The request cannot be read"


class Unauthenticated(Refusal):
    """Nobody known is asking."""

    code = "unauthenticated"
    title = "Log in first"


class Forbidden(Refusal):
    """Somebody known asks for what is not theirs to do."""

    code = "forbidden"
    title = "Not allowed"


class NotFound(Refusal):
    """There is no such thing, or not for this caller; the two are not told apart."""

    code = "not_found"
    title = "Not found"


class Conflict(Refusal):
    """The request contradicts the present state."""

    code = "conflict"
    title = "Conflict"


class PreconditionFailed(Refusal):
    """The row has changed since the caller read it."""

    code = "version_mismatch"
    title = "Changed in the meantime"


class TooLarge(Refusal):
    """The body is larger than the limit."""

    code = "too_large"
    title = "Too large"


class UnsupportedType(Refusal):
    """The body is of a type that this operation does not take."""

    code = "unsupported_type"
    title = "Unsupported media type"


class Invalid(Refusal):
    """The request can be read, and breaks a rule."""

    code = "invalid"
    title = "Invalid"


class TooManyRequests(Refusal):
    """The caller is over a limit, of `quota` requests in `window` seconds; `retry_after` is in seconds.

    `policy` is the name of the limit, the code when it is left out.
    """

    code = "too_many_requests"
    title = "Too many requests"

    def __init__(
        self,
        message: str,
        *,
        retry_after: int,
        policy: str | None = None,
        quota: int | None = None,
        window: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after
        self.policy = policy or self.code
        self.quota = quota
        self.window = window


class Unavailable(Refusal):
    """Something that Haat needs is away for the moment; `retry_after` is in seconds."""

    code = "unavailable"
    title = "Unavailable for the moment"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after


class InUse(Conflict):
    """Something still refers to what should be deleted."""

    code = "in_use"
    title = "Still in use"


class CodeTaken(Conflict):
    """Another row of the organisation has this code, login or uid."""

    code = "code_taken"
    title = "Already taken"


class IdempotencyKeyReused(Invalid):
    """The key came with another body before."""

    code = "idempotency_key_reused"
    title = "Idempotency key used for another request"

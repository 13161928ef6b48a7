"""Unknown query parameters are refused: a mistyped filter would otherwise answer with the unfiltered list.

So are numbers in any form but digits.
"""

import functools
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl

from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.shared.errors import Fault, Malformed

_DIGITS: Final = re.compile(r"-?[0-9]+")


def only_known_parameters(app: ASGIApp) -> ASGIApp:
    """Middleware that lets a request through when its operation knows all of its query parameters."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        handler = scope["route_handler"]
        if scope["query_string"] and isinstance(handler, HTTPRouteHandler) and handler.opt.get("role"):
            _check(handler, scope["query_string"])
        await app(scope, receive, send)

    return middleware


def _check(handler: HTTPRouteHandler, query: bytes) -> None:
    known, whole = _known(handler), _whole_numbers(handler)
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    sent = dict.fromkeys(name for name, _ in pairs)
    unknown = [name for name in sent if name not in known]
    if unknown:
        there_are = f"there are {', '.join(sorted(known))}" if known else "it takes none"
        faults = [
            Fault(name[:80], "unknown_parameter", f"There is no parameter {name[:80]!r} here.") for name in unknown
        ]
        message = f"There is no parameter {unknown[0][:80]!r} here; {there_are}."
        raise Malformed(message, faults=faults[:20])
    for name, value in pairs:
        if name in whole and not _DIGITS.fullmatch(value):
            # Litestar takes 1e1 and 10.0 for 10.
            message = f"{name}: must be a whole number, in digits."
            raise Malformed(message, faults=[Fault(name, "invalid_value", message)])


@functools.cache
def _known(handler: HTTPRouteHandler) -> frozenset[str]:
    """The names of the operation's query parameters."""
    return frozenset(name for name, _ in _parameters(handler))


@functools.cache
def _whole_numbers(handler: HTTPRouteHandler) -> frozenset[str]:
    """Those of them that are whole numbers."""
    return frozenset(name for name, kind in _parameters(handler) if kind is int)


def _parameters(handler: HTTPRouteHandler) -> Iterator[tuple[str, object]]:
    for name, field in handler.parsed_fn_signature.parameters.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            yield field.kwarg_definition.name or name, field.annotation

"""Unknown query parameters are refused: a mistyped filter would otherwise answer with the unfiltered list."""

import functools
from urllib.parse import parse_qsl

from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from domain.shared.errors import Fault, Malformed


def only_known_parameters(app: ASGIApp) -> ASGIApp:
    """Middleware that lets a request through when its operation knows all of its query parameters."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        handler = scope["route_handler"]
        if scope["query_string"] and isinstance(handler, HTTPRouteHandler) and handler.opt.get("role"):
            _check(handler, scope["query_string"])
        await app(scope, receive, send)

    return middleware


def _check(handler: HTTPRouteHandler, query: bytes) -> None:
    known = _known(handler)
    sent = dict.fromkeys(name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    unknown = [name for name in sent if name not in known]
    if unknown:
        there_are = f"there are {', '.join(sorted(known))}" if known else "it takes none"
        faults = [
            Fault(name[:80], "unknown_parameter", f"There is no parameter {name[:80]!r} here.") for name in unknown
        ]
        message = f"There is no parameter {unknown[0][:80]!r} here; {there_are}."
        raise Malformed(message, faults=faults[:20])


@functools.cache
def _known(handler: HTTPRouteHandler) -> frozenset[str]:
    """The names of the operation's query parameters."""
    fields = handler.parsed_fn_signature.parameters.items()
    return frozenset(
        field.kwarg_definition.name or name
        for name, field in fields
        if isinstance(field.kwarg_definition, QueryParameter)
    )

"""Replays answers in front of the router: a GET with the same token and URL gets the same bytes while its book is
unchanged. Nothing is asked of PostgreSQL, Redis or the router on the way.

Routes know nothing of it but the tag `MadeFrom` that `api/book_answers.py` leaves in the request's state. Sessions,
limits, request ids and metrics are looked after here as they are behind it.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TypeAlias, cast

from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, HTTPResponseStartEvent, Message, Receive, Scope, Send

from api import metrics
from api.auth import access_of
from api.edge import own_id
from api.services import Services
from api.stored_answers import LIFE_SECONDS, MADE_FROM, Answer, Key, MadeFrom
from domain.books import needed
from domain.shared.errors import Malformed, Refusal

Headers: TypeAlias = dict[bytes, bytes]

# The start and one body.
_WHOLE_MESSAGES: Final = 2


class ResponseCache:
    """Wraps everything else; `state` is that of the application, which holds its services once it has started."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        self._services: Services | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replay, or have the answer made and keep it if it may be kept."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        services = self._services or self._started()
        listed = cast("list[tuple[bytes, bytes]]", scope["headers"])
        headers = dict(listed)
        if not services.answers.limit or len(headers) != len(listed):
            # Of headers that stand there twice the router decides which counts.
            await self._app(scope, receive, send)
            return
        key: Key = (
            headers.get(b"authorization"),
            scope["raw_path"],
            scope["query_string"],
            headers.get(b"accept-encoding"),
            headers.get(b"if-none-match"),
        )
        answer = services.answers.get(key)
        reason = "unknown" if answer is None else _why_not(services, answer, headers, started)
        if reason == "session" and answer is not None:
            with suppress(Refusal):
                await services.sessions.check(*answer.standing.key)
            answer = services.answers.get(key)
            reason = "unknown" if answer is None else _why_not(services, answer, headers, time.monotonic())
        if answer is None or reason is not None:
            await self._make(services, key, reason or "unknown", scope, receive, send)
            return
        request_id = own_id(headers.get(b"x-request-id"))
        start: list[tuple[bytes, bytes]] = [*answer.headers, (b"x-request-id", request_id)]
        await send({"type": "http.response.start", "status": answer.status, "headers": start})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        answer.tally.add(time.monotonic() - started)

    def _started(self) -> Services:
        services: Services = self._state.services
        self._services = services
        return services

    async def _make(
        self, services: Services, key: Key, reason: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        fill = services.answers.opened_fill()
        sent: list[Message] = []

        async def send_and_note(message: Message) -> None:
            await send(message)
            # Of a stream, no more than shows that it is one.
            if len(sent) <= _WHOLE_MESSAGES:
                sent.append(message)

        await self._app(scope, receive, send_and_note)
        made_from: MadeFrom | None = scope["state"].get(MADE_FROM)
        if made_from is None:
            return
        metrics.count_made(reason)
        if _is_whole(sent):
            start, body = cast("tuple[HTTPResponseStartEvent, HTTPResponseBodyEvent]", sent)
            answer = _answer(services, made_from, scope, start, body)
            metrics.CACHE_FILLS.labels(services.answers.keep(fill, key, answer)).inc()


def _why_not(services: Services, answer: Answer, headers: Headers, now: float) -> str | None:
    """Why this answer must not be sent to the request with these headers; None when it may."""
    if answer.until < now:
        return "expired"
    if not services.answers.hears_all(now):
        return "unheard"
    version = headers.get(b"haat-version")
    if version is not None and version != answer.haat_version and not _is_enough(services, answer, version):
        return "version"
    if not services.sessions.trusts(answer.standing, now):
        return "session"
    if services.request_counts.take("read", answer.subject) is not None:
        return "limit"
    return None


def _is_enough(services: Services, answer: Answer, version: bytes) -> bool:
    try:
        wanted = needed(services.seal.open(version.decode("latin-1")), answer.user)
    except Malformed:
        return False
    return not wanted.render_first and (wanted.at is None or answer.made_from.at >= wanted.at)


def _is_whole(sent: Sequence[Message]) -> bool:
    match sent:
        case [{"status": 200 | 304}, {"type": "http.response.body", "more_body": False}]:
            return True
    return False


def _answer(
    services: Services, made_from: MadeFrom, scope: Scope, start: HTTPResponseStartEvent, body: HTTPResponseBodyEvent
) -> Answer:
    access = access_of(services, scope)
    life = min(LIFE_SECONDS, access.expires_at - time.time())
    return Answer(
        made_from=made_from,
        until=time.monotonic() + life,
        status=start["status"],
        headers=[pair for pair in start["headers"] if pair[0] != b"x-request-id"],
        body=body["body"],
        haat_version=scope["state"]["haat_version"].encode(),
        standing=services.sessions.standing(access.tenant_id, access.session_id),
        user=access.user_id,
        subject=f"user:{access.user_id}",
        tally=metrics.tally("GET", scope["path_template"], start["status"]),
    )

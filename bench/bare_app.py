"""The floor: an ASGI app that does nothing but return one stored answer, after one SELECT where that is the floor."""

import base64
import os
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

Asgi = Callable[[dict[str, Any], Callable[..., Any], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]]

# The entries of one book and its version, as a refill reads them.
SELECT = (
    "SELECT b.epoch, b.version, e.names, e.ids, e.docs FROM books b CROSS JOIN LATERAL ("
    "SELECT array_agg(name) AS names, array_agg(retailer_id) AS ids, array_agg(doc) AS docs FROM book_entries e"
    " WHERE e.tenant_id = b.tenant_id AND e.sr_id = b.sr_id AND e.present) e"
    " WHERE b.tenant_id = $1 AND b.sr_id = $2"
)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What to return; `books` are the (tenant, SR) of each Authorization header, to be selected from `database`."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    database: str | None = None
    books: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}


def create_app() -> Asgi:
    """The app that returns what BARE_ANSWER names."""
    stored = msgspec.json.decode(Path(os.environ["BARE_ANSWER"]).read_bytes(), type=Stored)
    start = {
        "type": "http.response.start",
        "status": stored.status,
        "headers": [(name.encode(), value.encode()) for name, value in stored.headers],
    }
    body = {"type": "http.response.body", "body": base64.b64decode(stored.body)}

    async def answer(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
        del receive
        if scope["type"] == "http":
            await send(start)
            await send(body)

    return answer if stored.database is None else _selecting(answer, stored)


def _selecting(answer: Asgi, stored: Stored) -> Asgi:
    books = {token.encode(): book for token, book in stored.books.items()}
    pool: Any = None

    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
        nonlocal pool
        if scope["type"] == "lifespan":
            await receive()
            # As many connections as the API may have.
            pool = await asyncpg.create_pool(stored.database, min_size=10, max_size=20)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        book = books.get(dict(scope["headers"]).get(b"authorization", b""))
        await pool.fetch(SELECT, *(book or next(iter(books.values()))))
        await answer(scope, receive, send)

    return app

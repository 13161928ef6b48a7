"""The floor: an ASGI app that does nothing but return one stored answer."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Asgi = Callable[[dict[str, Any], Callable[..., Any], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]]


def create_app() -> Asgi:
    """The app that returns what BARE_ANSWER names."""
    answer = json.loads(Path(os.environ["BARE_ANSWER"]).read_text())
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in answer["headers"]],
    }
    body = {"type": "http.response.body", "body": answer["body"].encode()}

    async def app(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
        del receive
        if scope["type"] == "http":
            await send(start)
            await send(body)

    return app

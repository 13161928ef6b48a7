"""What passes the response cache without being kept costs it nothing."""

from types import SimpleNamespace
from typing import Any, cast

from litestar.datastructures import State
from litestar.types import Message, Receive, Scope, Send

from adapters.redis.stamped import StampedPool
from api.response_cache import ResponseCache
from api.stored_answers import StoredAnswers


async def test_of_a_stream_nothing_is_collected() -> None:
    """It may be a download of gigabytes, or a job that is watched for an hour."""

    class Piece(bytes):
        left = 0

        def __del__(self) -> None:
            Piece.left -= 1

    async def stream(scope: Scope, _: Receive, send: Send) -> None:
        scope["state"] = {}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _number in range(50):
            Piece.left += 1
            await send({"type": "http.response.body", "body": Piece(), "more_body": True})
        assert Piece.left <= 2

    state = State({"services": SimpleNamespace(answers=StoredAnswers(StampedPool("redis://none"), limit=1024**2))})
    scope = {"type": "http", "method": "GET", "headers": [], "raw_path": b"/", "query_string": b""}
    await ResponseCache(stream, state)(cast("Any", scope), cast("Any", None), _drop)


async def _drop(_: Message) -> None:
    pass

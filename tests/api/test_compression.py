"""Answers are compressed for whoever accepts it, and for nobody else."""

import gzip
from typing import Any, cast

import httpx
import pytest
import zstandard
from litestar.types import Receive, Scope, Send

from api.compression import SMALLEST_BYTES, Compressed, preferred

OPENAPI = "/openapi.json"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("GZIP;q=1.0", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.9", "gzip"),
        ("zstd;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("gzip;q=nonsense", None),
        ("gzip ; q=0.3", "gzip"),
    ],
)
def test_the_client_chooses(accepted: str, coding: str | None) -> None:
    assert preferred(accepted.encode()) == coding


async def test_a_long_answer_is_smaller_on_its_way(client: httpx.AsyncClient) -> None:
    plain = await client.get(OPENAPI, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for coding, unpack in (("gzip", gzip.decompress), ("zstd", zstandard.decompress)):
        async with client.stream("GET", OPENAPI, headers={"Accept-Encoding": coding}) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == coding
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert int(answer.headers["content-length"]) == len(raw) < len(plain.content) / 4
        # Zstandard's frame does not always say how long the content is.
        assert unpack(raw) == plain.content


async def test_a_short_answer_is_left_alone(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"Accept-Encoding": "gzip, zstd"})
    assert len(answer.content) < SMALLEST_BYTES
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "parts", "coding"),
    [
        ([], [b"x" * 2000], "gzip"),
        ([(b"etag", b'W/"1"')], [b"x" * 2000], "gzip"),
        # A strong ETag names the very bytes.
        ([(b"etag", b'"1"')], [b"x" * 2000], None),
        # What is a stream may go on for minutes.
        ([], [b"x" * 2000, b"y" * 2000], None),
        ([(b"content-encoding", b"br")], [b"x" * 2000], "br"),
    ],
)
async def test_only_whole_answers_without_a_name_for_their_bytes_are_compressed(
    headers: list[tuple[bytes, bytes]], parts: list[bytes], coding: str | None
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        typed = [(b"content-type", b"text/plain"), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": typed})
        for number, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    transport = httpx.ASGITransport(cast("Any", Compressed(app)))
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://haat.test") as client,
        client.stream("GET", "/", headers={"Accept-Encoding": "gzip"}) as answer,
    ):
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert (gzip.decompress(raw) if coding == "gzip" else raw) == b"".join(parts)

"""`haat rebuild` of books that are right, against one client that selects, encodes and fetches the same rows."""

import asyncio
import itertools
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import httpx
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.stores.books import DOCUMENTS
from bench.market import PER_SR, Market, loaded
from bench.results import Line
from commands.books.render_books import BOOKS_PER_STATEMENT
from tests.stack import Stack

BOOKS: Final = int(os.environ.get("HAAT_BENCH_BOOKS", "14286"))
PAIRS: Final = 5
READERS: Final = 4
PAGE: Final = "/api/v1/sr/retailers?limit=20"


def missing() -> str | None:
    """Nothing that is not there."""
    return None


def measure(stack: Stack) -> list[Line]:
    """PAIRS pairs; then once beside readers, and once from nothing."""
    market = loaded(stack, srs=BOOKS)
    ours, floor = [], []
    for _ in range(PAIRS):
        ours.append(rebuild(stack))
        floor.append(asyncio.run(select(stack, market)))
    with readers(stack, market) as waited:
        beside = rebuild(stack)
    asyncio.run(forget(stack, market))
    from_nothing = rebuild(stack)
    waited.sort()
    return [
        Line(
            name=f"rebuild of {BOOKS:,} books that are right",
            unit="s",
            ours=ours,
            floor=floor,
            floor_is="the same documents selected, encoded and fetched by one client, as many books a statement",
            limited_by="PostgreSQL: the documents, the entries they are compared with, and their locks",
            details={
                "books": BOOKS,
                "from_nothing_s": round(from_nothing, 1),
                "beside_readers_s": round(beside, 1),
                "readers": READERS,
                "reads_meanwhile": len(waited),
                "read_p50_ms": round(statistics.median(waited) * 1000, 1),
                "read_p99_ms": round(waited[len(waited) * 99 // 100] * 1000, 1),
            },
        )
    ]


def rebuild(stack: Stack) -> float:
    """The seconds that the command takes, from its start to its end."""
    started = time.monotonic()
    done = stack.haat("rebuild", "--organisation", f"market-{BOOKS}")
    if done.returncode != 0:
        sys.exit(f"void: {done.stdout}{done.stderr}")
    return time.monotonic() - started


async def select(stack: Stack, market: Market) -> float:
    """The seconds for all documents, by the very SELECT that rendering begins with."""
    bound = sa.text(DOCUMENTS).bindparams(
        sa.bindparam("tenant_id", type_=sa.Uuid()), sa.bindparam("sr_ids", type_=postgresql.ARRAY(sa.Uuid()))
    )
    # asyncpg numbers its parameters.
    query = str(bound).replace(":tenant_id", "$1").replace(":sr_ids", "$2")
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        await connection.execute("SET jit = off")
        started = time.monotonic()
        rows = 0
        for start in range(0, len(market.srs), BOOKS_PER_STATEMENT):
            some = [sr.user_id for sr in market.srs[start : start + BOOKS_PER_STATEMENT]]
            rows += len(await connection.fetch(query, market.tenant_id, some))
        seconds = time.monotonic() - started
    finally:
        await connection.close()
    if rows != len(market.srs) * PER_SR:
        sys.exit(f"void: {rows} documents")
    return seconds


async def forget(stack: Stack, market: Market) -> None:
    """As if nothing had ever been rendered."""
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        for table in ("book_entries", "books"):
            await connection.execute(f"DELETE FROM {table} WHERE tenant_id = $1", market.tenant_id)
            await connection.execute(f"VACUUM {table}")
    finally:
        await connection.close()


@contextmanager
def readers(stack: Stack, market: Market) -> Iterator[list[float]]:
    """Some SRs read their first page, one after the other; the seconds that each answer took."""
    tokens = itertools.cycle(market.tokens(stack, 200))
    stop = threading.Event()
    waited: list[float] = []

    def read() -> None:
        with httpx.Client(base_url=stack.url) as client:
            while not stop.is_set():
                started = time.monotonic()
                answer = client.get(PAGE, headers={"Authorization": f"Bearer {next(tokens)}"})
                waited.append(time.monotonic() - started)
                answer.raise_for_status()

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield waited
    finally:
        stop.set()
        for thread in threads:
            thread.join()

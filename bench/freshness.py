"""How long what others change takes to reach an SR who reads through another API process, without a token."""

import asyncio
import os
import random
import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import asyncpg
import httpx
import msgspec

from adapters.settings import load_settings
from adapters.tokens import Tokens
from bench.market import TERRITORIES, Market, loaded
from bench.results import Line
from bench.servers import api
from domain.sessions import Session
from domain.shared.actor import Role
from tests.stack import Stack, until

BOOKS: Final = int(os.environ.get("HAAT_BENCH_BOOKS", "14286"))
COMMANDS: Final = 100
REPEATED: Final = 5
UNRENDERED: Final = 1_000
SAMPLE: Final = 20
PAGE: Final = "/api/v1/sr/retailers?limit=1"
_PROMISE: Final = "the bar"

_ADMIN: Final = """
WITH boss AS (
    INSERT INTO users (tenant_id, id, login, name, role) VALUES ($1, $2, $3, 'Boss', 'admin') RETURNING tenant_id, id
)
INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at)
SELECT tenant_id, $4, id, 'admin', 1, now() + interval '1 day' FROM boss
"""
_PLACES: Final = """
SELECT t.code, t.id AS territory_id, r.id AS region_id FROM territories t
JOIN areas a ON a.tenant_id = t.tenant_id AND a.id = t.area_id
JOIN regions r ON r.tenant_id = a.tenant_id AND r.id = a.region_id WHERE t.tenant_id = $1 ORDER BY t.code
"""
_STALE: Final = "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND touches IS NOT NULL AND rendered_at IS NULL"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A territory, its region, and the places of its SRs in the market."""

    territory_id: uuid.UUID
    region_id: uuid.UUID
    srs: tuple[int, ...]


class Watch:
    """Changes names through one API process and looks at pages through another."""

    def __init__(self, stack: Stack, market: Market, there: httpx.Client, token: str) -> None:
        self.stack, self.market, self._there = stack, market, there
        self._here = httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self._tokens: dict[int, str] = dict(enumerate(market.tokens(stack, BOOKS)))
        rows = asyncio.run(fetched(stack, _PLACES, market.tenant_id))
        self.places = [
            Place(
                territory_id=row["territory_id"],
                region_id=row["region_id"],
                srs=tuple(range(number, BOOKS, TERRITORIES)),
            )
            for number, row in enumerate(rows)
        ]

    def renamed(self, kind: str, place_id: uuid.UUID) -> tuple[str, float]:
        """The new name, and the moment before it was asked for: no later than the commit."""
        name = f"Name {uuid.uuid4().hex[:12]}"
        at = time.monotonic()
        answer = self._here.patch(f"/api/v1/{kind}/{place_id}", json={"name": name})
        answer.raise_for_status()
        return name, at

    def seen(self, name: str, srs: Sequence[int]) -> float:
        """The moment when the last of them has been shown the name."""
        for sr in srs:
            while name not in self._there.get(PAGE, headers={"Authorization": f"Bearer {self._tokens[sr]}"}).text:
                time.sleep(0.002)
        return time.monotonic()

    def everything_rendered(self) -> float:
        """The moment when no book waits any more."""
        until(lambda: asyncio.run(fetched(self.stack, _STALE, self.market.tenant_id))[0][0] == 0, what="the relay")
        return time.monotonic()

    def close(self) -> None:
        self._here.close()


def missing() -> str | None:
    """Nothing that is not there."""
    return None


def measure(stack: Stack) -> list[Line]:
    """Single commands, what a relay finds when it comes back, and a renamed region; beside nothing else."""
    with watching(stack) as watch:
        return [
            commands(watch),
            returned(watch),
            region(watch),
        ]


def commands(watch: Watch) -> Line:
    """One territory after the other gets another name; its books are the relay's."""
    chance = random.Random(7)  # noqa: S311  the same places every time
    waited = []
    for _ in range(COMMANDS):
        place = chance.choice([one for one in watch.places if one.srs])
        name, at = watch.renamed("territories", place.territory_id)
        waited.append((watch.seen(name, chance.sample(place.srs, min(3, len(place.srs)))) - at) * 1000)
    waited.sort()
    return line(
        f"fresh elsewhere after a command that touches {len(watch.places[0].srs)} books, p99 of {COMMANDS}",
        [waited[COMMANDS * 99 // 100 - 1]],
        unit="ms",
        bar=1000.0,
        limited_by="the relay leaves 200 ms to the process that committed, and looks every 150 ms",
        p50_ms=round(statistics.median(waited)),
        worst_ms=round(waited[-1]),
    )


def returned(watch: Watch) -> Line:
    """While there is no relay, so many books are touched; then it starts."""
    places = watch.places[: max(1, UNRENDERED * TERRITORIES // BOOKS)]
    touched = sum(len(place.srs) for place in places)
    seconds = []
    for _ in range(REPEATED):
        watch.stack.kill("relay")
        names = [watch.renamed("territories", place.territory_id)[0] for place in places]
        log = watch.stack.home / "relay.log"
        before = log.read_text().count("relay_started")
        watch.stack.start("relay")
        until(lambda: log.read_text().count("relay_started") > before, what="the relay's return")  # noqa: B023
        at = time.monotonic()
        for name, place in zip(names[-SAMPLE:], places[-SAMPLE:], strict=True):
            watch.seen(name, place.srs[-1:])
        seconds.append(max(watch.everything_rendered(), time.monotonic()) - at)
    return line(
        f"fresh elsewhere after the relay's return to {touched:,} unrendered books",
        seconds,
        bar=1.0,
        limited_by="rendering a few hundred books a statement",
        events=len(places),
    )


def region(watch: Watch) -> Line:
    """A region gets another name: an eighth of all books."""
    chance = random.Random(7)  # noqa: S311  the same places every time
    seconds = []
    mine = [place for place in watch.places if place.region_id == watch.places[0].region_id and place.srs]
    for _ in range(REPEATED):
        name, at = watch.renamed("regions", mine[0].region_id)
        watch.seen(name, [chance.choice(chance.choice(mine).srs) for _ in range(SAMPLE)])
        seconds.append(max(watch.everything_rendered(), time.monotonic()) - at)
    return line(
        f"fresh elsewhere after a region of {sum(len(place.srs) for place in mine):,} books got another name",
        seconds,
        bar=5.0,
        limited_by="rendering a few hundred books a statement",
    )


def line(name: str, ours: list[float], *, bar: float, limited_by: str, unit: str = "s", **details: object) -> Line:
    return Line(
        name=name, unit=unit, ours=ours, floor=[bar] * len(ours), floor_is=_PROMISE, limited_by=limited_by,
        details={"books": BOOKS, **details},
    )  # fmt: skip


@contextmanager
def watching(stack: Stack) -> Iterator[Watch]:
    market = loaded(stack, srs=BOOKS)
    token = asyncio.run(admin_token(stack, market))
    with api(stack) as (url, _), httpx.Client(base_url=url, timeout=60) as there:
        watch = Watch(stack, market, there, token)
        try:
            watch.everything_rendered()
            yield watch
        finally:
            watch.close()


async def admin_token(stack: Stack, market: Market) -> str:
    user_id, session_id = uuid.uuid4(), uuid.uuid4()
    await fetched(stack, _ADMIN, market.tenant_id, user_id, f"boss-{user_id}@market.test", session_id)
    now = datetime.now(UTC)
    session = Session(
        tenant_id=market.tenant_id,
        id=session_id,
        user_id=user_id,
        role=Role.ADMIN,
        auth_version=1,
        generation=1,
        rotated_at=now,
        expires_at=now,
    )
    return Tokens(load_settings(stack.environment()).jwt_keys).access_token(session)


async def fetched(stack: Stack, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()

"""A page that is replayed: the same bytes for the same reader while nothing has changed, and never longer."""

import asyncio
import functools
import gzip
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
import zstandard
from litestar.types import Receive, Scope, Send
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from adapters.environment import Limit
from adapters.redis.book_messages import TRUSTED_SECONDS, BookMessages
from adapters.redis.client import open_redis
from adapters.settings import Settings
from api import metrics, response_cache
from api.response_cache import ResponseCache
from tests.api.conftest import PASSWORD, Login, serving
from tests.builders.books import Market, open_market, rendering
from tests.builders.relay import redis_relay_to
from tests.conftest import Database

URL = "/api/v1/sr/retailers"
PAGE = f"{URL}?limit=20"
Http = httpx.AsyncClient
Json = dict[str, object]


class Phone:
    """One SR's token, sent to whichever process."""

    def __init__(self, token: str) -> None:
        self.headers = {"Authorization": token, "Accept-Encoding": "identity"}

    async def get(self, process: Http, url: str = PAGE, **headers: str) -> httpx.Response:
        return await process.get(url, headers={**self.headers, **headers})

    async def replayed(self, process: Http, url: str = PAGE, **headers: str) -> httpx.Response:
        """The answer, once it comes from what is kept."""
        async with asyncio.timeout(30):
            while True:
                before = counted("hit")
                answer = await self.get(process, url, **headers)
                if counted("hit") > before:
                    return answer
                await asyncio.sleep(0)  # answers in this process may take no turn of the loop at all

    async def points(self, process: Http, **headers: str) -> int:
        return int((await self.get(process, **headers)).json()["items"][0]["points"])

    async def write(self, process: Http, points: int) -> httpx.Response:
        """Give the first retailer of the page so many points."""
        first = (await self.get(process)).json()["items"][0]
        answer = await process.patch(f"{URL}/{first['id']}", json={"points": points}, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer


def counted(outcome: str, reason: str = "") -> float:
    metrics.count_tallies()
    labels = {"outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("haat_response_cache_requests_total", labels) or 0.0


def filled(result: str) -> float:
    return REGISTRY.get_sample_value("haat_response_cache_fills_total", {"result": result}) or 0.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.02)


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database, password=PASSWORD)
    yield market
    await market.owner.close()


@pytest.fixture(scope="module")
async def elsewhere(settings: Settings) -> AsyncIterator[Http]:
    """Another API process."""
    async with serving(settings) as client:
        yield client


@pytest.fixture
async def shops(market: Market, settings: Settings) -> list[uuid.UUID]:
    ids = await market.add_retailers([f"Shop {number:02}" for number in range(30)], sr_id=market.sr_id)
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        await renderer.render(market.tenant_id, [market.sr_id])
    return ids


@pytest.fixture
async def phone(market: Market, shops: list[uuid.UUID], login: Login) -> Phone:
    assert shops
    return Phone((await login(market.sr_login)).headers["Authorization"])


async def test_a_replayed_answer_is_the_same_but_for_its_id(client: Http, phone: Phone) -> None:
    detail = f"{URL}/{(await phone.get(client)).json()['items'][3]['id']}"
    cursor = (await phone.get(client, "/api/v1/sr/sync")).json()["cursor"]
    for url in (PAGE, detail, f"/api/v1/sr/sync?cursor={cursor}", f"{URL}?q=shop+07"):
        made, again = await phone.get(client, url), await phone.replayed(client, url)
        assert (again.status_code, again.content) == (200, made.content)
        ids = [answer.headers.pop("x-request-id") for answer in (made, again)]
        assert len({*ids, (await phone.replayed(client, url)).headers["x-request-id"]}) == 3
        assert sorted(again.headers.raw) == sorted(made.headers.raw)
        assert again.headers["cache-control"] == "private, no-cache"
        own_id = await phone.replayed(client, url, **{"X-Request-Id": "phone-7"})
        assert own_id.headers["x-request-id"] == "phone-7"


async def test_an_own_write_is_seen_at_once_even_by_a_process_that_hears_nothing(
    client: Http, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BookMessages, "_hear", lambda _, __: None)
    for points in range(2, 5):
        await phone.replayed(client)
        await phone.write(client, points)
        assert await phone.points(client) == points


async def test_a_write_through_another_process_is_heard_of(client: Http, elsewhere: Http, phone: Phone) -> None:
    for points in range(2, 5):
        await phone.replayed(client)
        await phone.write(elsewhere, points)
        await until(functools.partial(_shows, phone, client, points))


async def test_a_version_that_the_caller_has_seen_goes_past_an_older_answer(
    client: Http, elsewhere: Http, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await phone.replayed(client)
    # A message that is still on its way.
    monkeypatch.setattr(BookMessages, "_hear", lambda _, __: None)
    token = (await phone.write(elsewhere, 7)).headers["haat-version"]
    before = counted("bypass", "version")
    assert await phone.points(client, **{"Haat-Version": token}) == 7
    assert counted("bypass", "version") == before + 1
    for seen in (token, f"{old.headers['haat-version']}, {token}"):
        answer = await phone.replayed(client, **{"Haat-Version": seen})
        assert answer.headers["haat-version"] == token
    refused = await phone.get(client, **{"Haat-Version": "no token"})
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


async def test_what_a_write_overtook_while_it_was_made_is_not_kept(
    client: Http, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: ResponseCache = client._transport.app  # type: ignore[attr-defined]
    router, written = cache._app, asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await router(scope, receive, send)
        if not written.is_set():
            written.set()
            await phone.write(client, 70)

    await phone.replayed(client)
    monkeypatch.setattr(cache, "_app", slow)
    before = filled("outdated")
    url = f"{PAGE}&route=Market"
    await phone.get(client, url)
    assert filled("outdated") == before + 1
    assert all(
        item["points"] == 70 or item["name"] != "Shop 00" for item in (await phone.get(client, url)).json()["items"]
    )


async def test_a_subscription_that_falls_silent_is_not_believed(
    settings: Settings, elsewhere: Http, phone: Phone, tmp_path: Path
) -> None:
    async with (
        redis_relay_to(settings.redis_read_url, tmp_path) as relay,
        serving(msgspec.structs.replace(settings, redis_read_url=relay.url)) as cut_off,
    ):
        await phone.replayed(cut_off)
        relay.hold_up()
        await phone.write(elsewhere, 55)
        await asyncio.sleep(TRUSTED_SECONDS)
        before = counted("bypass", "unheard") + counted("miss", "unknown")
        assert await phone.points(cut_off) == 55
        assert counted("bypass", "unheard") + counted("miss", "unknown") == before + 1
        await relay.connect()
        await phone.replayed(cut_off)


async def test_a_flushed_redis_makes_nothing_stale(
    settings: Settings, client: Http, elsewhere: Http, phone: Phone
) -> None:
    """It takes what others have put there along; they look again."""
    await phone.replayed(client)
    redis: Redis = open_redis(settings.redis_read_url)
    await redis.flushall()
    await redis.aclose()
    await phone.write(elsewhere, 66)
    await until(lambda: _shows(phone, client, 66))
    await phone.replayed(client)


async def test_an_ended_session_is_refused(client: Http, elsewhere: Http, phone: Phone) -> None:
    await phone.replayed(client)
    assert (await elsewhere.post("/api/v1/auth/logout", headers=phone.headers)).status_code == 204
    await until(lambda: _refused(phone, client))


@pytest.mark.parametrize("change", [{"active": False}, {"role": "admin"}])
async def test_a_disabled_user_and_one_with_another_role_are_refused(
    market: Market, client: Http, elsewhere: Http, phone: Phone, login: Login, change: Json
) -> None:
    await phone.replayed(client)
    await market.assign([uuid.UUID(one) for one in await _held(phone, client)], None)
    admin = {"Authorization": (await login(market.admin_login)).headers["Authorization"]}
    await phone.replayed(client)
    changed = await elsewhere.patch(f"/api/v1/users/{market.sr_id}", json=change, headers=admin)
    assert changed.status_code == 200, changed.text
    await until(lambda: _refused(phone, client))


async def test_nobody_is_sent_what_is_kept_for_another(
    market: Market, client: Http, phone: Phone, login: Login, database: Database
) -> None:
    own = await phone.replayed(client)
    other = await open_market(database, password=PASSWORD)
    stranger = Phone((await login(other.sr_login)).headers["Authorization"])
    assert (await stranger.get(client)).json()["items"] == []
    assert (await stranger.replayed(client)).json()["items"] == []
    forged = Phone(phone.headers["Authorization"][:-4] + "AAAA")
    assert (await forged.get(client)).status_code == 401
    assert (await client.get(PAGE)).status_code == 401
    twice = [("Authorization", stranger.headers["Authorization"]), *phone.headers.items()]
    assert (await client.get(PAGE, headers=twice)).status_code == 401
    admin = Phone((await login(market.admin_login)).headers["Authorization"])
    assert (await admin.get(client)).status_code == 403
    assert (await phone.replayed(client)).content == own.content
    await other.owner.close()


async def test_each_url_and_each_encoding_has_its_own_answer(client: Http, phone: Phone) -> None:
    plain = await phone.replayed(client)
    assert len((await phone.replayed(client, f"{URL}?limit=7")).json()["items"]) == 7
    assert "content-encoding" not in plain.headers
    unpack: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstandard.decompress}
    for accepted, coding in (("gzip, deflate, br", "gzip"), ("gzip, zstd", "zstd"), ("zstd;q=0, gzip;q=0.1", "gzip")):
        answer = await phone.replayed(client, **{"Accept-Encoding": accepted})
        raw = await _raw(client, phone, accepted)
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["vary"] == "Authorization, Accept-Encoding"
        assert unpack[coding](raw) == plain.content
        assert len(raw) <= len(plain.content) / 4
        assert int(answer.headers["content-length"]) == len(raw)


async def test_what_the_client_has_already_is_not_sent_again(client: Http, phone: Phone) -> None:
    page = await phone.replayed(client)
    asked = {"If-None-Match": page.headers["etag"]}
    for answer in (await phone.get(client, **asked), await phone.replayed(client, **asked)):
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == page.headers["etag"]
        assert "content-length" not in answer.headers
    await phone.write(client, 12)
    changed = await phone.get(client, **asked)
    assert (changed.status_code, changed.json()["items"][0]["points"]) == (200, 12)
    assert changed.headers["etag"] != page.headers["etag"]


async def test_an_answer_lives_a_minute_and_no_longer_than_its_token(
    client: Http, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "_why_not", lambda _, answer, *__: f"lives {answer.until - time.monotonic():f}")
    kept: list[str] = []
    monkeypatch.setattr(metrics, "count_made", kept.append)

    async def is_kept() -> bool:
        assert (await phone.get(client)).status_code == 200
        return bool(kept) and kept[-1].startswith("lives")

    await until(is_kept)
    assert 0 < float(kept[-1].split()[1]) <= 60
    monkeypatch.undo()
    await phone.replayed(client)
    monkeypatch.setattr(response_cache, "LIFE_SECONDS", 0)
    url, before = f"{URL}?limit=9", counted("hit")
    for _ in range(5):
        assert (await phone.get(client, url)).status_code == 200
    assert counted("hit") == before


async def test_limits_count_what_is_replayed(settings: Settings, phone: Phone) -> None:
    few = settings.limits | {"read": msgspec.convert({"requests": 40, "seconds": 86400}, type=Limit)}
    async with serving(msgspec.structs.replace(settings, limits=few)) as client:
        await phone.replayed(client)
        statuses = [(await phone.get(client)).status_code for _ in range(41)]
        refused = await phone.get(client)
    assert statuses[-1] == 429
    assert refused.headers["ratelimit-policy"].startswith('"read"')


async def test_hits_misses_and_bypasses_are_counted(client: Http, phone: Phone) -> None:
    url = f"{URL}?limit=11"
    requests = 'haat_http_requests_total{method="GET",route="/api/v1/sr/retailers",status="200"}'
    await phone.replayed(client)
    before = await _metrics(client)
    await phone.replayed(client, url)
    after = await _metrics(client)
    assert after['haat_response_cache_requests_total{outcome="miss",reason="unknown"}'] > before.get(
        'haat_response_cache_requests_total{outcome="miss",reason="unknown"}', 0
    )
    assert after['haat_response_cache_requests_total{outcome="hit",reason=""}'] > 0
    assert after['haat_response_cache_fills_total{result="stored"}'] > 0
    assert after[requests] >= before[requests] + 2
    seconds = 'haat_http_request_seconds_count{method="GET",route="/api/v1/sr/retailers"}'
    assert after[seconds] - before[seconds] == after[requests] - before[requests]

    async def are_gauged() -> bool:
        await phone.get(client)
        gauges = await _metrics(client)
        return gauges["haat_response_cache_answers"] > 0 and gauges["haat_response_cache_bytes"] > 0

    # Two processes in one, each of which sets the gauges to its own from time to time.
    await until(are_gauged)


async def test_with_the_cache_off_every_answer_is_made(settings: Settings, phone: Phone) -> None:
    async with serving(msgspec.structs.replace(settings, response_cache_bytes=0)) as client:
        before = counted("hit"), counted("miss", "unknown")
        for _ in range(5):
            assert len((await phone.get(client)).json()["items"]) == 20
        assert (counted("hit"), counted("miss", "unknown")) == before


async def _shows(phone: Phone, process: Http, points: int) -> bool:
    return await phone.points(process) == points


async def _refused(phone: Phone, process: Http) -> bool:
    return (await phone.get(process)).status_code == 401


async def _held(phone: Phone, process: Http) -> list[str]:
    return [item["id"] for item in (await phone.get(process, f"{URL}?limit=100")).json()["items"]]


async def _raw(process: Http, phone: Phone, accepted: str) -> bytes:
    async with process.stream("GET", PAGE, headers={**phone.headers, "Accept-Encoding": accepted}) as answer:
        return b"".join([part async for part in answer.aiter_raw()])


async def _metrics(process: Http) -> dict[str, float]:
    found = re.findall(r"^(haat_\S+) (\S+)$", (await process.get("/metrics")).text, re.MULTILINE)
    return {name: float(value) for name, value in found}

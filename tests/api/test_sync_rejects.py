"""What phones have pushed in vain, as admins see it."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import Login, Render
from tests.builders.books import Market
from tests.builders.organisations import add_user
from tests.builders.pushes import item, pushed

URL = "/api/v1/sync-rejects"
Json = dict[str, Any]


@pytest.fixture
async def market_admin(market: Market, login: Login) -> httpx.AsyncClient:
    return await login(market.admin_login)


async def listed(admin: httpx.AsyncClient, **query: object) -> list[Json]:
    answer = await admin.get(URL, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_an_admin_sees_who_wanted_what_when_and_why_not(
    market: Market, market_sr: httpx.AsyncClient, market_admin: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["মিরপুর স্টোর"], sr_id=market.sr_id)
    await market.assign([shop], await market.add_sr())
    await render()
    change = item(shop, 3, points=7, notes="বন্ধ\nতারিখ")
    began = datetime.now(UTC)
    await pushed(market_sr, change)
    (reject,) = await listed(market_admin)
    assert (reject["change_id"], reject["retailer_id"], reject["base_version"]) == (change["id"], str(shop), 3)
    assert reject["fields"] == change["fields"]
    assert reject["sr"] == {"id": str(market.sr_id), "name": market.sr_login, "login": market.sr_login}
    assert reject["retailer"] == {"id": str(shop), "uid": "R-1", "name": "মিরপুর স্টোর", "deleted": False}
    assert (reject["code"], reject["errors"]) == ("taken_away", [])
    assert "taken away" in reject["message"]
    assert abs(datetime.fromisoformat(reject["rejected_at"]) - began) < timedelta(minutes=1)


async def test_a_change_is_kept_once_however_often_it_is_sent(
    market: Market, market_sr: httpx.AsyncClient, market_admin: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    good, unknown = item(shop, points=7), item(uuid.uuid4(), points=7)
    reused, nameless = good | {"fields": {"points": 8}}, {"retailer_id": str(shop), "fields": {"points": "9"}}
    for _ in range(3):
        await pushed(market_sr, good, unknown, reused, nameless, 5, {"id": str(uuid.UUID(int=5)), "fields": None})
    rejects = await listed(market_admin)
    assert [one["code"] for one in rejects] == [*["invalid_change"] * 3, "change_id_reused", "not_yours"]
    assert [one["change_id"] for one in rejects] == [
        str(uuid.UUID(int=5)), None, None, good["id"], unknown["id"]
    ]  # fmt: skip
    assert [one["fields"] for one in rejects] == [None, None, {"points": "9"}, {"points": 8}, {"points": 7}]
    assert [one["retailer"] and one["retailer"]["name"] for one in rejects] == [None, None, "Shop", "Shop", None]
    assert "/fields/points" in {fault["pointer"] for fault in rejects[2]["errors"]}


async def test_what_no_text_can_hold_is_kept_as_far_as_it_can_be(
    market: Market, market_sr: httpx.AsyncClient, market_admin: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    deep: object = 5
    for _ in range(40):
        deep = [deep]
    for fields in ({"notes": "\0"}, {"\0": "\0"}, {"notes": "n" * 50_000}, {"points": deep}):
        await pushed(market_sr, item(shop) | {"fields": fields})
    assert [one["fields"] for one in await listed(market_admin)] == [None, None, {"\0": "\0"}, {"notes": "\0"}]


async def test_filters_and_pages(
    market: Market, market_sr: httpx.AsyncClient, market_admin: httpx.AsyncClient, login: Login
) -> None:
    password = "correct horse battery"
    other_id = await add_user(market.owner, market.tenant_id, f"b-{market.sr_login}", "sr", password)
    other = await login(f"b-{market.sr_login}")
    shops = [uuid.uuid4() for _ in range(3)]
    await pushed(market_sr, *(item(shop, points=1) for shop in shops))
    await pushed(other, item(shops[0], points=2))
    everything = await listed(market_admin)
    assert [one["retailer_id"] for one in everything] == [str(shops[one]) for one in (0, 2, 1, 0)]
    assert len(await listed(market_admin, sr_id=market.sr_id)) == 3
    assert [one["sr"]["id"] for one in await listed(market_admin, sr_id=other_id)] == [str(other_id)]
    assert [one["fields"]["points"] for one in await listed(market_admin, retailer_id=shops[0])] == [2, 1]
    assert len(await listed(market_admin, retailer_id=shops[0], sr_id=other_id)) == 1
    middle = everything[1]["rejected_at"]
    assert await listed(market_admin, since=middle) == everything[:2]
    assert await listed(market_admin, until=middle) == everything[2:]
    assert await listed(market_admin, since=middle, until=middle) == []
    seen: list[Json] = []
    cursor: Json = {}
    for _ in range(2):
        page = (await market_admin.get(URL, params={"limit": 3, **cursor})).json()
        seen += page["items"]
        cursor = {"cursor": page["next_cursor"]}
    assert (seen, cursor) == (everything, {"cursor": None})


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday", "since=2026-01-01T00:00:00", "until=0001-01-01T00:00:00%2B14:00", "sr_id=x",
        "retailer_id=", "cursor=x", "limit=0", "of=me",
    ],
)  # fmt: skip
async def test_bad_queries_are_refused(market_admin: httpx.AsyncClient, query: str) -> None:
    answer = await market_admin.get(f"{URL}?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_only_the_organisations_own_admins_see_them(
    market_sr: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await pushed(market_sr, item(uuid.uuid4(), points=1))
    assert (await market_sr.get(URL)).status_code == 403
    assert await listed(admin) == []

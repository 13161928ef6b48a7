"""Lists of retailers: filters that hold together, pages with each retailer exactly once, honest counts."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.areas import area
from tests.builders.distributors import distributor
from tests.builders.organisations import Founded
from tests.builders.regions import fresh
from tests.builders.retailers import assign, retailer
from tests.builders.territories import territory
from tests.conftest import Database

Json = dict[str, Any]


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


async def page_of(admin: httpx.AsyncClient, **params: Any) -> Json:
    answer = await admin.get("/api/v1/retailers", params=params)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


async def names_of(admin: httpx.AsyncClient, **params: object) -> list[str]:
    return [one["name"] for one in (await page_of(admin, limit=100, **params))["items"]]


async def walk(admin: httpx.AsyncClient, limit: int, **params: object) -> list[Json]:
    """All pages, one after the other."""
    items: list[Json] = []
    cursor = None
    while True:
        page = await page_of(admin, limit=limit, **params, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= limit
        assert ("count" in page) == (cursor is None)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def test_filters_hold_together(admin: httpx.AsyncClient, owner: asyncpg.Connection, founded: Founded) -> None:
    first = await area(admin)
    second = await area(admin, first["region_id"])
    one, two, three = await territory(admin, first["id"]), await territory(admin, second["id"]), await territory(admin)
    supplier = await distributor(admin)
    # A letter that Unicode's composed form takes apart; routes are stored as they were sent.
    route, word = fresh("ময়মনসিংহ".replace("\u09af\u09bc", "\u09df")), fresh("w")
    a = await retailer(admin, one["id"], name="a", uid=f"{word}a", distributor_id=supplier["id"], routes=[route, "x"])
    await retailer(admin, one["id"], name="b", uid=f"{word}b", active=False)
    c = await retailer(admin, two["id"], name="c", uid=f"{word}c", routes=[route])
    await retailer(admin, three["id"], name="d", uid=f"{word}d", distributor_id=supplier["id"], routes=[f"{route}x"])
    for held in (a, c):
        await assign(owner, founded.tenant_id, held["id"], founded.sr_id)
    region = first["region_id"]
    assert await names_of(admin, region_id=region) == ["a", "b", "c"]
    assert await names_of(admin, area_id=first["id"]) == ["a", "b"]
    assert await names_of(admin, territory_id=two["id"]) == ["c"]
    assert await names_of(admin, territory_id=two["id"], area_id=first["id"]) == []
    assert await names_of(admin, distributor_id=supplier["id"]) == ["a", "d"]
    assert await names_of(admin, distributor_id=supplier["id"], region_id=region) == ["a"]
    assert await names_of(admin, route=route) == ["a", "c"]
    assert await names_of(admin, route=route, territory_id=one["id"]) == ["a"]
    assert await names_of(admin, sr_id=founded.sr_id, region_id=region) == ["a", "c"]
    assert await names_of(admin, sr_id=founded.sr_id, distributor_id=supplier["id"]) == ["a"]
    assert await names_of(admin, region_id=region, assigned=True) == ["a", "c"]
    assert await names_of(admin, region_id=region, assigned=False) == ["b"]
    assert await names_of(admin, assigned=False, distributor_id=supplier["id"]) == ["d"]
    assert await names_of(admin, region_id=region, active=False) == ["b"]
    assert await names_of(admin, region_id=region, active=True) == ["a", "c"]
    assert await names_of(admin, route=route, assigned=False) == []
    assert await names_of(admin, assigned=False, q=word) == ["b", "d"]
    assert await names_of(admin, assigned=True, q=word) == ["a", "c"]


@pytest.mark.parametrize("name", ["region_id", "area_id", "territory_id", "distributor_id", "sr_id"])
@pytest.mark.parametrize("other", [{}, {"q": "a"}, {"assigned": False}])
async def test_an_unknown_id_finds_nothing(admin: httpx.AsyncClient, name: str, other: Json) -> None:
    await retailer(admin, name="a")
    page = await page_of(admin, **{name: uuid.uuid4()}, **other)
    assert page == {"items": [], "next_cursor": None, "count": 0, "count_is": "exact"}


async def test_a_count_is_exact_until_it_stops(admin: httpx.AsyncClient, owner: asyncpg.Connection) -> None:
    place = await territory(admin, name="crowded")
    await retailer(admin, place["id"], name="seed")

    async def crowd(start: int, end: int) -> None:
        await owner.execute(
            "INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id)"
            " SELECT tenant_id, uuidv7(), 'crowd-' || n, 'Crowd ' || n, '+8801712345678', id"
            " FROM territories, generate_series($2::int, $3) n WHERE id = $1",
            uuid.UUID(place["id"]),
            start,
            end,
        )

    await crowd(1, 998)
    variants: tuple[Json, ...] = ({}, {"q": "crowd"}, {"limit": 100})
    counted = [await page_of(admin, territory_id=place["id"], **more) for more in variants]
    assert [(one["count"], one["count_is"]) for one in counted] == [(999, "exact"), (998, "exact"), (999, "exact")]
    await crowd(999, 1_001)
    filtered, searched = await page_of(admin, territory_id=place["id"]), await page_of(admin, q="crowd")
    assert (filtered["count"], filtered["count_is"]) == (1_000, "at_least")
    assert (searched["count"], searched["count_is"]) == (1_000, "at_least")
    assert (await page_of(admin, territory_id=place["id"], assigned=True))["count"] == 0


NAMES = st.lists(st.sampled_from(["ক", "কা", "খ", "a", "A", "b", "Z", "é", "e\u0301", "😀", "￿", "~"]), max_size=14)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=NAMES, late=NAMES, limit=st.integers(1, 5))
async def test_every_retailer_that_was_there_stands_on_exactly_one_page(
    admin: httpx.AsyncClient, names: list[str], late: list[str], limit: int
) -> None:
    place = await territory(admin)
    there = [await retailer(admin, place["id"], name=name) for name in names]
    region = {"region_id": there[0]["region"]["id"]} if there else {"territory_id": place["id"]}
    for filters in ({"territory_id": place["id"]}, region, {**region, "q": "R-"}):
        seen: list[Json] = []
        cursor: str | None = None
        coming = list(late)
        while True:
            page = await page_of(admin, limit=limit, **filters, **({"cursor": cursor} if cursor else {}))
            seen += page["items"]
            if coming:
                await retailer(admin, place["id"], name=coming.pop())
            cursor = page["next_cursor"]
            if cursor is None:
                break
        order = [(one["name"], uuid.UUID(one["id"])) for one in seen]
        assert order == sorted(set(order))
        assert {one["id"] for one in there} <= {one["id"] for one in seen}
        late = []


async def test_a_walk_sees_no_deleted_retailer(admin: httpx.AsyncClient) -> None:
    place = await territory(admin)
    made = [await retailer(admin, place["id"], name=f"n{n}") for n in range(5)]
    await admin.delete(f"/api/v1/retailers/{made[2]['id']}")
    assert [one["name"] for one in await walk(admin, 2, territory_id=place["id"])] == ["n0", "n1", "n3", "n4"]

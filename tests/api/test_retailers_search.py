"""Search among retailers: by a part of the name, the end of the phone, the beginning of the uid; never another's."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest

from tests.builders.organisations import found
from tests.builders.regions import fresh
from tests.builders.retailers import retailer
from tests.builders.territories import territory
from tests.conftest import Database

Json = dict[str, Any]
Login = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def town(database: Database, login: Login) -> httpx.AsyncClient:
    """The admin of an organisation that has no retailers yet."""
    return await login((await found(database, password="correct horse battery")).admin_login)


async def finds(admin: httpx.AsyncClient, q: str, **more: object) -> list[str]:
    answer = await admin.get("/api/v1/retailers", params={"q": q, "limit": 100, **more})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


async def test_a_part_of_the_name_in_any_script_and_case(town: httpx.AsyncClient) -> None:
    for name in ("রহিম স্টোর", "Rahim Store", "ÉLAN", "Zúñiga", "Магазин"):
        await retailer(town, name=name)
    assert await finds(town, "হিম") == ["রহিম স্টোর"]
    assert await finds(town, "স্টো") == ["রহিম স্টোর"]
    assert await finds(town, "AHIM st") == ["Rahim Store"]
    assert await finds(town, "él") == ["ÉLAN"]
    assert await finds(town, "e\u0301l") == ["ÉLAN"]
    assert await finds(town, "НЫ") == []
    assert await finds(town, "АГАЗ") == ["Магазин"]
    assert await finds(town, "  zú ") == ["Zúñiga"]
    assert await finds(town, "a") == ["Rahim Store", "Zúñiga", "ÉLAN"]


async def test_wildcards_and_backslashes_are_ordinary_characters(town: httpx.AsyncClient) -> None:
    names = ["100% Shop", "100 Shop", "a_b", "aXb", "c\\d", "c%d", "it's; DROP", "$1 ' $$"]
    for name in names:
        await retailer(town, name=name)
    assert await finds(town, "0%") == ["100% Shop"]
    assert await finds(town, "%") == ["100% Shop", "c%d"]
    assert await finds(town, "a_b") == ["a_b"]
    assert await finds(town, "\\") == ["c\\d"]
    assert await finds(town, "c\\d") == ["c\\d"]
    assert await finds(town, "'s; drop") == ["it's; DROP"]
    assert await finds(town, "$1 ' $$") == ["$1 ' $$"]


async def test_the_end_of_a_phone_number(town: httpx.AsyncClient) -> None:
    await retailer(town, name="one", phone="01712345678")
    await retailer(town, name="two", phone="01812340678")
    assert await finds(town, "5678") == ["one"]
    assert await finds(town, "678") == ["one", "two"]
    assert await finds(town, "৫৬৭৮") == ["one"]
    assert await finds(town, "+880 1712-345678") == ["one"]
    assert await finds(town, "01712345678") == ["one"]
    assert await finds(town, "1234") == []
    assert await finds(town, "78") == []


async def test_the_beginning_of_a_uid(town: httpx.AsyncClient) -> None:
    await retailer(town, name="upper", uid="DHK-007")
    await retailer(town, name="lower", uid="dhk-008")
    await retailer(town, name="mixed", uid="Dhk-009")
    assert await finds(town, "DHK-007") == ["upper"]
    assert await finds(town, "dhk-007") == ["upper"]
    assert await finds(town, "DHK-008") == ["lower"]
    assert await finds(town, "Dhk-009") == ["mixed"]
    assert await finds(town, "dhk") == ["lower", "upper"]
    assert await finds(town, "HK-0") == []


async def test_search_and_filters_hold_together(town: httpx.AsyncClient) -> None:
    here, there = await territory(town), await territory(town)
    await retailer(town, here["id"], name="Store here")
    await retailer(town, there["id"], name="Store there", active=False)
    assert await finds(town, "store") == ["Store here", "Store there"]
    assert await finds(town, "store", territory_id=here["id"]) == ["Store here"]
    assert await finds(town, "store", active=False) == ["Store there"]
    assert await finds(town, "store", active=False, territory_id=here["id"]) == []
    assert await finds(town, "store", assigned=True) == []


async def test_a_search_never_finds_another_organisations(
    town: httpx.AsyncClient, database: Database, login: Login
) -> None:
    word = fresh("w")
    await retailer(town, name=word, uid=word)
    stranger = await login((await found(database, password="correct horse battery")).admin_login)
    assert await finds(town, word) == [word]
    assert await finds(stranger, word) == []


async def test_the_function_is_no_way_around_and_knows_the_organisation_by_the_setting_alone(
    database: Database,
) -> None:
    ask = "SELECT count(*) FROM haat_search_retailers('a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 10, 10)"
    app = await asyncpg.connect(database.app_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetchval(ask)
        for role, allowed in (("haat_sr", False), ("haat_relay", False), ("haat_worker", True), ("haat_admin", True)):
            async with app.transaction():
                await app.execute(f"SET LOCAL ROLE {role}")
                if allowed:
                    assert await app.fetchval(ask) == 0
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        async with app.transaction():
                            await app.fetchval(ask)
    finally:
        await app.close()

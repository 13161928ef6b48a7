"""Territories below their areas."""

import json
from uuid import UUID

import asyncpg
import httpx

from tests.builders.areas import area
from tests.builders.retailers import retailer
from tests.builders.territories import territory
from tests.conftest import Database


async def test_territories_of_an_area_and_of_a_region(admin: httpx.AsyncClient) -> None:
    first = await area(admin)
    second = await area(admin, first["region_id"])
    one, two = await territory(admin, first["id"], name="1"), await territory(admin, second["id"], name="2")
    await territory(admin)

    async def found(**params: str) -> list[object]:
        return (await admin.get("/api/v1/territories", params=params)).json()["items"]  # type: ignore[no-any-return]

    assert await found(area_id=first["id"]) == [one]
    assert await found(region_id=first["region_id"]) == [one, two]
    assert await found(region_id=first["region_id"], area_id=second["id"]) == [two]
    assert await found(area_id=first["region_id"]) == []


async def test_a_moved_territory_touches_the_books_that_show_it(admin: httpx.AsyncClient, database: Database) -> None:
    moved, there = await territory(admin), await area(admin)
    answer = await admin.patch(f"/api/v1/territories/{moved['id']}", json={"area_id": there["id"]})
    assert (answer.status_code, answer.json()["area_id"]) == (200, there["id"])
    owner = await asyncpg.connect(database.owner_url)
    try:
        touches = await owner.fetchval(
            "SELECT touches FROM outbox"
            " WHERE type = 'territories.territory_updated.v1' AND payload ->> 'territory_id' = $1",
            moved["id"],
        )
    finally:
        await owner.close()
    assert json.loads(touches) == {"territory_ids": [str(UUID(moved["id"]))]}


async def test_a_territory_of_retailers_stays_even_when_they_are_deleted(admin: httpx.AsyncClient) -> None:
    one = await retailer(admin)
    assert (await admin.delete(f"/api/v1/retailers/{one['id']}")).status_code == 204
    refused = await admin.delete(f"/api/v1/territories/{one['territory']['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert "restored" in refused.json()["detail"]

"""Areas below their regions."""

import httpx

from tests.builders.areas import area
from tests.builders.regions import region
from tests.builders.territories import territory


async def test_areas_of_one_region(admin: httpx.AsyncClient) -> None:
    one = await region(admin)
    inside = await area(admin, one["id"])
    await area(admin)
    listed = await admin.get("/api/v1/areas", params={"region_id": one["id"]})
    assert listed.json() == {"items": [inside], "next_cursor": None}


async def test_an_area_moves_to_another_region(admin: httpx.AsyncClient) -> None:
    moved, there = await area(admin), await region(admin)
    answer = await admin.patch(f"/api/v1/areas/{moved['id']}", json={"region_id": there["id"]})
    assert (answer.status_code, answer.json()["region_id"], answer.json()["version"]) == (200, there["id"], 2)


async def test_an_area_with_territories_stays(admin: httpx.AsyncClient) -> None:
    inside = await territory(admin)
    refused = await admin.delete(f"/api/v1/areas/{inside['area_id']}")
    assert (refused.status_code, refused.json()["details"]["referred_by"]) == (409, "territories")


async def test_a_region_id_that_is_none_is_refused(admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/api/v1/areas", params={"region_id": "nonsense"})).status_code == 400

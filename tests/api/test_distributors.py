"""Distributors and the retailers they supply."""

import httpx

from tests.builders.distributors import distributor
from tests.builders.retailers import retailer


async def test_a_distributor_of_retailers_stays(admin: httpx.AsyncClient) -> None:
    one = await distributor(admin)
    shop = await retailer(admin, distributor_id=one["id"])
    refused = await admin.delete(f"/api/v1/distributors/{one['id']}")
    assert (refused.status_code, refused.json()["details"]["referred_by"]) == (409, "retailers")
    await admin.patch(f"/api/v1/retailers/{shop['id']}", json={"distributor_id": None})
    assert (await admin.delete(f"/api/v1/distributors/{one['id']}")).status_code == 204


async def test_srs_manage_no_distributors(sr: httpx.AsyncClient) -> None:
    assert (await sr.get("/api/v1/distributors")).status_code == 403

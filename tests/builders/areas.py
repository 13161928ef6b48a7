"""Areas, made as an admin makes them."""

import httpx

from tests.builders.regions import Json, created, fresh, region


async def area(admin: httpx.AsyncClient, region_id: str | None = None, name: str = "Area") -> Json:
    """An area, in a region of its own unless one is named."""
    parent = region_id or (await region(admin))["id"]
    return await created(admin, "areas", code=fresh("a"), name=name, region_id=parent)

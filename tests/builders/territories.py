"""Territories, made as an admin makes them."""

import httpx

from tests.builders.areas import area
from tests.builders.regions import Json, created, fresh


async def territory(admin: httpx.AsyncClient, area_id: str | None = None, name: str = "Territory") -> Json:
    """A territory, in an area of its own unless one is named."""
    parent = area_id or (await area(admin))["id"]
    return await created(admin, "territories", code=fresh("t"), name=name, area_id=parent)

"""Distributors, made as an admin makes them."""

import httpx

from tests.builders.regions import Json, created, fresh


async def distributor(admin: httpx.AsyncClient, name: str = "Distributor") -> Json:
    """A distributor of its own."""
    return await created(admin, "distributors", code=fresh("d"), name=name)

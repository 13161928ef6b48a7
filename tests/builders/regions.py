"""Regions, made as an admin makes them."""

import uuid
from typing import Any

import httpx

Json = dict[str, Any]


def fresh(prefix: str) -> str:
    """A code that nothing else has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


async def created(admin: httpx.AsyncClient, path: str, **body: object) -> Json:
    """What `POST /api/v1/<path>` made of the body."""
    answer = await admin.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def region(admin: httpx.AsyncClient, name: str = "Region") -> Json:
    """A region of its own."""
    return await created(admin, "regions", code=fresh("r"), name=name)

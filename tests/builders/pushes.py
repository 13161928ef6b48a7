"""Items of an offline push, and sending them."""

import uuid
from typing import Any

import httpx

URL = "/api/v1/sr/sync"
Json = dict[str, Any]


def item(retailer_id: object, base_version: int = 1, **fields: object) -> Json:
    """One change as a phone writes it down."""
    return {"id": str(uuid.uuid4()), "retailer_id": str(retailer_id), "base_version": base_version, "fields": fields}


async def pushed(sr: httpx.AsyncClient, *items: object) -> list[Json]:
    """The results, one for each item."""
    answer = await sr.post(URL, json={"changes": items})
    assert answer.status_code == 200, answer.text
    results: list[Json] = answer.json()["results"]
    assert len(results) == len(items)
    return results

"""People as the API makes them."""

import itertools
from typing import Any

import httpx

PASSWORD = "a good long password"
_NUMBERS = itertools.count(1)


async def create_user(admin: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """A user, an SR unless said otherwise, whom `admin` has just created."""
    number = next(_NUMBERS)
    body = {"login": f"person-{number}@users.test", "name": f"Person {number}", "role": "sr", "password": PASSWORD}
    answer = await admin.post("/api/v1/users", json=body | members)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made

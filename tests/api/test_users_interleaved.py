"""Rights that are taken away while somebody is given retailers."""

import asyncio
import uuid

import asyncpg
import httpx
import pytest

from tests.builders.organisations import Founded
from tests.builders.retailers import retailer
from tests.builders.users import create_user
from tests.commands.books.conftest import until
from tests.conftest import Database

SOMEBODY_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
TAKING = {
    "delete": lambda admin, url: admin.delete(url),
    "re-role": lambda admin, url: admin.patch(url, json={"role": "admin"}),
}


@pytest.mark.parametrize("taking", TAKING)
async def test_who_is_being_given_retailers_is_looked_at_after_the_lock(
    admin: httpx.AsyncClient, database: Database, founded: Founded, taking: str
) -> None:
    """An assignment locks its SR FOR SHARE: a deletion waits for it, and then sees what they hold."""
    user, shop = await create_user(admin), await retailer(admin)
    sr_id = uuid.UUID(user["id"])
    writer, watcher = await asyncpg.connect(database.owner_url), await asyncpg.connect(database.owner_url)
    async with writer.transaction():
        await writer.execute("SELECT FROM users WHERE id = $1 FOR SHARE", sr_id)
        await writer.execute(
            "INSERT INTO assignments (tenant_id, id, retailer_id, sr_id) VALUES ($1, gen_random_uuid(), $2, $3)",
            founded.tenant_id, uuid.UUID(shop["id"]), sr_id,
        )  # fmt: skip
        refused = asyncio.ensure_future(TAKING[taking](admin, f"/api/v1/users/{sr_id}"))
        await until(lambda: watcher.fetchval(SOMEBODY_WAITS))
    answer = await refused
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    await writer.close()
    await watcher.close()

"""A table that somebody has locked, as a migration does for a moment, is told as such and not as a bug of ours."""

import asyncpg
import httpx

from tests.conftest import Database


async def test_a_read_that_waits_too_long_for_a_lock_is_told_to_come_again(
    database: Database, admin: httpx.AsyncClient
) -> None:
    migrating = await asyncpg.connect(database.owner_url)
    async with migrating.transaction():
        await migrating.execute("LOCK TABLE regions IN ACCESS EXCLUSIVE MODE")
        answer = await admin.get("/api/v1/regions")
    await migrating.close()
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert (await admin.get("/api/v1/regions")).status_code == 200

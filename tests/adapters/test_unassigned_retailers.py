"""Who is unassigned is kept by the database: whatever is done to retailers and assignments, the table says what is."""

import random
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.builders.organisations import Founded, found
from tests.conftest import Database

UNASSIGNED = """
SELECT r.id FROM retailers r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM assignments a WHERE a.tenant_id = r.tenant_id AND a.retailer_id = r.id AND a.ended_at IS NULL)
ORDER BY r.id
"""
KEPT = "SELECT retailer_id FROM unassigned_retailers WHERE tenant_id = $1 ORDER BY retailer_id"
CREATE = """
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, deleted_at)
SELECT $1, uuidv7(), gen_random_uuid(), 'Shop', '+8801712345678', $2, CASE WHEN n % 5 = 0 THEN now() END
FROM generate_series(1, $3::int) n
"""
# Each is done to a random third of the retailers it can be done to, in one statement.
CHANGES = {
    "assign": """INSERT INTO assignments (tenant_id, id, retailer_id, sr_id)
        SELECT r.tenant_id, uuidv7(), r.id, $2 FROM retailers r WHERE r.tenant_id = $1 AND r.deleted_at IS NULL
        AND hashtext(r.id::text || $3) % 3 = 0
        AND NOT EXISTS (SELECT FROM assignments a WHERE a.retailer_id = r.id AND a.ended_at IS NULL)""",
    "end": """UPDATE assignments SET ended_at = clock_timestamp()
        WHERE tenant_id = $1 AND ended_at IS NULL AND $2::uuid IS NOT NULL AND hashtext(id::text || $3) % 3 = 0""",
    "reopen": """UPDATE assignments a SET ended_at = NULL
        WHERE tenant_id = $1 AND $2::uuid IS NOT NULL AND hashtext(retailer_id::text || $3) % 3 = 0
        AND id = (SELECT max(l.id::text)::uuid FROM assignments l WHERE l.retailer_id = a.retailer_id)""",
    "forget": """DELETE FROM assignments
        WHERE tenant_id = $1 AND $2::uuid IS NOT NULL AND hashtext(id::text || $3) % 3 = 0""",
    "delete": """UPDATE retailers SET deleted_at = now() WHERE tenant_id = $1 AND $2::uuid IS NOT NULL
        AND hashtext(id::text || $3) % 3 = 0""",
    "restore": """UPDATE retailers SET deleted_at = NULL WHERE tenant_id = $1 AND $2::uuid IS NOT NULL
        AND hashtext(id::text || $3) % 3 = 0""",
    "rename": """UPDATE retailers SET name = $3 WHERE tenant_id = $1 AND $2::uuid IS NOT NULL""",
    "remove": """DELETE FROM retailers r WHERE tenant_id = $1 AND $2::uuid IS NOT NULL
        AND hashtext(id::text || $3) % 3 = 0 AND NOT EXISTS (SELECT FROM assignments a WHERE a.retailer_id = r.id)""",
}


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


async def place(owner: asyncpg.Connection, tenant_id: uuid.UUID) -> uuid.UUID:
    made = uuid.uuid4()
    for table, column in (("regions", "version"), ("areas", "region_id"), ("territories", "area_id")):
        value = "1" if column == "version" else "$2"
        await owner.execute(
            f"INSERT INTO {table} (tenant_id, id, code, name, {column}) VALUES ($1, $2, 'T', 'T', {value})",
            tenant_id,
            made,
        )
    return made


async def matches(owner: asyncpg.Connection, of: Founded) -> int:
    kept = [row[0] for row in await owner.fetch(KEPT, of.tenant_id)]
    assert kept == [row[0] for row in await owner.fetch(UNASSIGNED, of.tenant_id)]
    return len(kept)


@pytest.mark.parametrize("seed", range(5))
async def test_the_table_says_who_is_unassigned_after_every_statement(
    owner: asyncpg.Connection, database: Database, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311  an order of statements
    here = await found(database, password="correct horse battery")
    territory_id = await place(owner, here.tenant_id)
    await owner.execute(CREATE, here.tenant_id, territory_id, 40)
    assert await matches(owner, here) == 32
    done = [*CHANGES] * 4
    dice.shuffle(done)
    for number, change in enumerate(done):
        await owner.execute(CHANGES[change], here.tenant_id, here.sr_id, f"{seed}-{number}")
        await matches(owner, here)
    await owner.execute(CREATE, here.tenant_id, territory_id, 10)
    await matches(owner, here)


async def test_only_triggers_write_the_table_and_nobody_reads_another_organisations(
    owner: asyncpg.Connection, database: Database
) -> None:
    here, there = [await found(database, password="correct horse battery") for _ in range(2)]
    for one in (here, there):
        await owner.execute(CREATE, one.tenant_id, await place(owner, one.tenant_id), 10)
    app = await asyncpg.connect(database.app_url)
    try:
        for role in ("haat_admin", "haat_worker"):
            async with app.transaction():
                await app.execute(
                    "SELECT set_config('role', $1, true), set_config('haat.tenant_id', $2, true)",
                    role,
                    str(here.tenant_id),
                )
                assert await app.fetchval("SELECT count(*) FROM unassigned_retailers") == 8
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with app.transaction():
                        await app.execute("DELETE FROM unassigned_retailers")
    finally:
        await app.close()

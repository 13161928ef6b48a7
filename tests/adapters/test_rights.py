"""Row-level security costs nothing: under every role, plans go on using the indexes."""

import json
import uuid

import asyncpg
import pytest

from tests.conftest import Database

RETAILERS = 50_000
PER_SR = 70


@pytest.fixture(scope="module")
async def tenant_id(database: Database) -> uuid.UUID:
    """An organisation of 50,000 retailers, all with SRs, and as many in another one."""
    connection = await asyncpg.connect(database.owner_url)
    ids = [uuid.uuid4(), uuid.uuid4()]
    try:
        for number, one in enumerate(ids):
            await connection.execute(
                f"""
                INSERT INTO organisations (tenant_id, code, name, country, time_zone, currency)
                    VALUES ('{one}', 'o{number}', 'O', 'BD', 'Asia/Dhaka', 'BDT');
                INSERT INTO regions (tenant_id, id, code, name) VALUES ('{one}', '{one}', 'R', 'R');
                INSERT INTO areas (tenant_id, id, code, name, region_id) VALUES ('{one}', '{one}', 'A', 'A', '{one}');
                INSERT INTO territories (tenant_id, id, code, name, area_id)
                    SELECT '{one}', md5('t' || n)::uuid, 't' || n, 't' || n, '{one}' FROM generate_series(0, 249) n;
                INSERT INTO users (tenant_id, id, login, name, role, password_hash)
                    SELECT '{one}', md5('u' || n)::uuid, 'u' || n, 'u' || n, 'sr', ''
                    FROM generate_series(0, {RETAILERS // PER_SR}) n;
                INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id)
                    SELECT '{one}', md5('r' || n)::uuid, 'U' || n, 'Shop ' || n, '+88017' || n,
                        md5('t' || n % 250)::uuid
                    FROM generate_series(0, {RETAILERS - 1}) n;
                INSERT INTO assignments (tenant_id, id, retailer_id, sr_id)
                    SELECT '{one}', uuidv7(), md5('r' || n)::uuid, md5('u' || n / {PER_SR})::uuid
                    FROM generate_series(0, {RETAILERS - 1}) n;
                """
            )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return ids[0]


async def rows_read(database: Database, role: str, tenant_id: uuid.UUID, query: str) -> tuple[int, int]:
    """How many rows the query answers with, and how many it reads from tables and indexes on the way.

    Without those of territories, which everybody may read, and the planner as it likes.
    """
    connection = await asyncpg.connect(database.app_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('role', $1, true), set_config('haat.tenant_id', $2, true),"
                " set_config('haat.user_id', md5('u7')::uuid::text, true)",
                role,
                str(tenant_id),
            )
            found = await connection.fetch(query)
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT json, TIMING off) {query}")
    finally:
        await connection.close()
    nodes = [json.loads(plan)[0]["Plan"]]
    read = 0
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if "Scan" in node["Node Type"] and node.get("Relation Name") != "territories":
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read += int((node["Actual Rows"] + removed) * node["Actual Loops"])
    return len(found), read


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, name FROM retailers",
        "SELECT id, name FROM retailers ORDER BY name, id LIMIT 100",
        "SELECT retailer_id FROM assignments WHERE ended_at IS NULL",
        "SELECT r.id FROM retailers r JOIN territories t ON (t.tenant_id, t.id) = (r.tenant_id, r.territory_id)",
    ],
)
async def test_an_sr_reads_their_own_rows_and_no_others(query: str, database: Database, tenant_id: uuid.UUID) -> None:
    answered, read = await rows_read(database, "haat_sr", tenant_id, query)
    assert answered == PER_SR
    assert read <= 10 * PER_SR


@pytest.mark.parametrize("role", ["haat_admin", "haat_worker"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM retailers WHERE deleted_at IS NULL ORDER BY name, id LIMIT 100",
        "SELECT id FROM retailers WHERE territory_id = md5('t3')::uuid ORDER BY name, id LIMIT 100",
        "SELECT id FROM retailers WHERE uid = ANY (ARRAY(SELECT 'U' || n FROM generate_series(1, 100) n))",
        "SELECT retailer_id FROM assignments WHERE sr_id = md5('u7')::uuid AND ended_at IS NULL",
    ],
)
async def test_a_policy_is_one_more_condition_of_the_index(
    query: str, role: str, database: Database, tenant_id: uuid.UUID
) -> None:
    answered, read = await rows_read(database, role, tenant_id, query)
    assert answered in {PER_SR, 100}
    assert read <= 1_000

"""No list of retailers reads the whole table: counted by PostgreSQL, under the role and policies of an admin."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.retailer_selection import count_up_to, found_keys, is_searched, next_keys
from adapters.postgres.transaction import reading
from domain.retailers import RetailerFilter
from domain.shared.actor import Actor, Power
from tests.builders.organisations import found
from tests.conftest import Database

RETAILERS = 50_000
PAGE = 21
# 500 retailers in a territory, 1,000 of a distributor, 50 of an SR, 50 inactive; nobody has every thousandth.
LOAD = """
CREATE TEMP TABLE numbered AS SELECT n, uuidv7() AS id FROM generate_series(1, 1000) n;
INSERT INTO regions (tenant_id, id, code, name) SELECT $tenant, id, n, n FROM numbered WHERE n <= 5;
INSERT INTO areas (tenant_id, id, region_id, code, name)
    SELECT $tenant, a.id, r.id, a.n, a.n FROM numbered a JOIN numbered r ON r.n = 1 + a.n % 5 WHERE a.n <= 20;
INSERT INTO territories (tenant_id, id, area_id, code, name)
    SELECT $tenant, t.id, a.id, t.n, t.n FROM numbered t JOIN numbered a ON a.n = 1 + t.n % 20 WHERE t.n <= 100;
INSERT INTO distributors (tenant_id, id, code, name) SELECT $tenant, id, n, n FROM numbered WHERE n <= 50;
INSERT INTO users (tenant_id, id, login, name, role, password_hash)
    SELECT $tenant, id, 'walker-' || n, n, 'sr', 'none' FROM numbered;
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, distributor_id, routes, active)
    SELECT $tenant, uuidv7(), 'P-' || g, 'Shop ' || md5(g::text), '+88017' || lpad(g::text, 8, '0'), t.id, d.id,
        ARRAY['route ' || g % 700], g % 1000 <> 7
    FROM generate_series(1, $retailers) g
    JOIN numbered t ON t.n = 1 + g % 100 JOIN numbered d ON d.n = 1 + (g / 100) % 50;
INSERT INTO assignments (tenant_id, id, retailer_id, sr_id)
    SELECT $tenant, uuidv7(), r.id, n.id
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS g FROM retailers WHERE tenant_id = $tenant) r
    JOIN numbered n ON n.n = 1 + r.g % 1000 WHERE r.g % 1000 <> 5;
"""
_ROWS_READ = text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'retailers'")
ANY = {"region": "regions", "area": "areas", "territory": "territories", "distributor": "distributors", "sr": "users"}


@dataclass(frozen=True)
class Crowd:
    """An organisation of 50,000 retailers, and one id of each thing they can be filtered by."""

    engine: AsyncEngine
    actor: Actor
    ids: dict[str, uuid.UUID]

    async def cost(self, wanted: RetailerFilter, after: tuple[str, uuid.UUID] | None = None) -> tuple[int, int]:
        """How many keys were found, and how many rows of retailers were read for them and for counting them."""
        tenant = self.actor.tenant
        async with reading(self.engine, self.actor) as conn:
            before: int = (await conn.execute(_ROWS_READ)).scalar_one()
            if is_searched(wanted):
                keys = await found_keys(conn, tenant, wanted, after=after, limit=PAGE, up_to=1001)
            else:
                keys = await next_keys(conn, tenant, wanted, after=after, limit=PAGE)
                if after is None and len(keys) == PAGE:
                    await count_up_to(conn, tenant, wanted, limit=1001)
            return len(keys), (await conn.execute(_ROWS_READ)).scalar_one() - before


@pytest.fixture(scope="module")
async def crowd(database: Database) -> AsyncIterator[Crowd]:
    tenant = (await found(database, password="correct horse battery")).tenant_id
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(LOAD.replace("$tenant", f"'{tenant}'::uuid").replace("$retailers", str(RETAILERS)))
        for table in ("retailers", "assignments", "territories", "areas"):
            await owner.execute(f"VACUUM ANALYZE {table}")
        ids = {
            name: await owner.fetchval(f"SELECT id FROM {table} WHERE tenant_id = $1 ORDER BY name LIMIT 1", tenant)
            for name, table in ANY.items()
        }
        ids["sr"] = await owner.fetchval("SELECT sr_id FROM assignments WHERE tenant_id = $1 LIMIT 1", tenant)
    finally:
        await owner.close()
    engine = open_engine(database.app_url, application_name="plans")
    yield Crowd(engine, Actor(tenant_id=tenant, user_id=uuid.uuid4(), power=Power.ADMIN), ids)
    await engine.dispose()


FILTERS = [
    (),
    ("region",),
    ("area",),
    ("territory",),
    ("distributor",),
    ("sr",),
    ("region", "distributor"),
    ("region", "sr"),
    ("active",),
    ("inactive",),
    ("assigned",),
    ("territory", "assigned"),
    ("territory", "unassigned"),
]


def wanted(crowd: Crowd, names: tuple[str, ...]) -> RetailerFilter:
    flags = {"active": "active", "inactive": "active", "assigned": "assigned", "unassigned": "assigned"}
    members: dict[str, Any] = {
        flags.get(name, f"{name}_id"): name in {"active", "assigned"} if name in flags else crowd.ids[name]
        for name in names
    }
    return RetailerFilter(**members)


@pytest.mark.parametrize("names", FILTERS, ids=lambda names: "+".join(names) or "all")
async def test_a_filtered_page_and_its_count_read_what_they_show(crowd: Crowd, names: tuple[str, ...]) -> None:
    found_keys, rows_read = await crowd.cost(wanted(crowd, names))
    assert found_keys > 0 or "unassigned" in names
    # A count of up to 1,001, and a page of 21 of each of a region's 20 territories: PostgreSQL may read these whole.
    assert rows_read < 8_000


@pytest.mark.parametrize("names", [("region",), ("distributor",), ("active",), ()], ids="+".join)
async def test_a_late_page_costs_no_more_than_the_first(crowd: Crowd, names: tuple[str, ...]) -> None:
    late = ("Shop e", uuid.UUID(int=0))
    found_keys, rows_read = await crowd.cost(wanted(crowd, names), after=late)
    assert found_keys == PAGE
    assert rows_read < 2_000


@pytest.mark.parametrize(
    ("sought", "most"),
    [
        # Nowhere: what a walk begins with, twice, and hardly anything more.
        (RetailerFilter(q="zz"), 3_100),
        (RetailerFilter(q="zzz"), 3_100),
        (RetailerFilter(q="q"), 3_100),
        (RetailerFilter(q="ঢঢ"), 3_100),
        # Rare.
        (RetailerFilter(q="ffeed"), 4_000),
        (RetailerFilter(q="P-49999"), 3_200),
        (RetailerFilter(q="049999"), 3_200),
        (RetailerFilter(route="route 7"), 3_300),
        (RetailerFilter(route="no such route"), 3_100),
        # Common, and everywhere.
        (RetailerFilter(q="shop"), 1_100),
        (RetailerFilter(q="9"), 1_500),
        # Of the few whom nobody has, and of those alone.
        (RetailerFilter(assigned=False), 150),
        (RetailerFilter(assigned=False, q="zz"), 150),
    ],
    ids=str,
)
async def test_a_search_walks_a_part_of_the_list_and_looks_the_rest_up(
    crowd: Crowd, sought: RetailerFilter, most: int
) -> None:
    _, rows_read = await crowd.cost(sought)
    assert rows_read <= most


@pytest.mark.parametrize(
    ("sought", "condition"),
    [
        (RetailerFilter(q="FFEE"), "name LIKE '%ffee%'"),
        (RetailerFilter(q="99"), "name LIKE '%99%' OR uid LIKE '99%'"),
        (RetailerFilter(q="9999"), "name LIKE '%9999%' OR phone LIKE '%9999'"),
        (RetailerFilter(q="p-4999"), "uid LIKE 'P-4999%'"),
        (RetailerFilter(route="route 7"), "'route 7' = ANY (routes)"),
        (RetailerFilter(assigned=False), "id NOT IN (SELECT retailer_id FROM assignments)"),
        (
            RetailerFilter(assigned=False, q="0"),
            "(name LIKE '%0%' OR uid LIKE '0%') AND id NOT IN (SELECT retailer_id FROM assignments)",
        ),
        (RetailerFilter(active=False, q="a"), "NOT active AND name LIKE '%a%'"),
    ],
    ids=str,
)
async def test_pages_find_everything_wherever_in_the_list_it_stands(
    crowd: Crowd, database: Database, sought: RetailerFilter, condition: str
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    try:
        everything = await owner.fetch(
            f"SELECT name, id FROM retailers WHERE tenant_id = $1 AND ({condition}) ORDER BY name, id",
            crowd.actor.tenant,
        )
    finally:
        await owner.close()
    walked: list[tuple[str, uuid.UUID]] = []
    async with reading(crowd.engine, crowd.actor) as conn:
        while page := await next_keys(
            conn, crowd.actor.tenant, sought, after=walked[-1] if walked else None, limit=len(everything) // 3 + 1
        ):
            walked += page
    assert everything
    assert walked == [(row["name"], row["id"]) for row in everything]

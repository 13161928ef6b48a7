"""Organisations of a given number of retailers, written by the database itself: names in two scripts, all assigned."""

import asyncio
import functools
import uuid
from dataclasses import dataclass

import asyncpg

from cli.demo.vocabulary import KINDS_BANGLA, KINDS_LATIN, MUSLIM_MEN
from tests.people import Person
from tests.stack import Stack

PER_TERRITORY, PER_SR = 200, 70
REGIONS, AREAS, DISTRIBUTORS = 8, 64, 64
# Every so many retailers have a word in their name that a dozen of a million share.
PER_RARE_WORD = 13
LOAD = """
CREATE TEMP TABLE numbered AS SELECT n, uuidv7() AS id FROM generate_series(0, greatest($size / $sr, 64)) n;
INSERT INTO regions (tenant_id, id, code, name) SELECT $tenant, id, n, 'Region ' || n FROM numbered WHERE n < $regions;
INSERT INTO areas (tenant_id, id, region_id, code, name)
    SELECT $tenant, a.id, r.id, a.n, 'Area ' || a.n
    FROM numbered a JOIN numbered r ON r.n = a.n % $regions WHERE a.n < $areas;
INSERT INTO territories (tenant_id, id, area_id, code, name)
    SELECT $tenant, t.id, a.id, t.n, 'Territory ' || t.n
    FROM numbered t JOIN numbered a ON a.n = t.n % $areas WHERE t.n < greatest($size / $territory, 64);
INSERT INTO distributors (tenant_id, id, code, name)
    SELECT $tenant, id, n, 'Distributor ' || n FROM numbered WHERE n < $distributors;
INSERT INTO users (tenant_id, id, login, name, role, password_hash)
    SELECT $tenant, id, 'sr-' || n || '@$code', 'SR ' || n, 'sr', '' FROM numbered WHERE n <= $size / $sr;
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, distributor_id, routes, active)
    SELECT $tenant, uuidv7(), 'R' || lpad(g::text, 7, '0'),
        CASE WHEN h % 9 = 0 THEN 'M/S ' ELSE '' END
        || CASE WHEN h % 2 = 0
            THEN (ARRAY[$latin_first])[1 + h / 7 % $firsts] || ' ' || (ARRAY[$latin_last])[1 + h / 311 % $lasts]
            ELSE (ARRAY[$bangla_first])[1 + h / 7 % $firsts] || ' ' || (ARRAY[$bangla_last])[1 + h / 311 % $lasts] END
        || CASE WHEN h % 500 = 0
            THEN ' ' || translate(left(md5((g / (500 * $rare))::text), 5), '0123456789', 'ghijklmnop') ELSE '' END
        || ' '
        || CASE WHEN h % 2 = 0 THEN (ARRAY[$latin_kind])[1 + h / 4007 % $kinds]
            ELSE (ARRAY[$bangla_kind])[1 + h / 4007 % $kinds] END,
        '+88017' || lpad((g::bigint * 7919 % 100000000)::text, 8, '0'), t.id, d.id,
        ARRAY[(ARRAY['Sat', 'Sun', 'Mon', 'Tue', 'Wed', 'Thu'])[1 + h / 13 % 6], 'Beat ' || h / 17 % 40], g % 100 <> 7
    FROM (SELECT g, abs(hashint4(g)::bigint)::bigint AS h FROM generate_series(1, $size) g) g
    JOIN numbered t ON t.n = g % greatest($size / $territory, 64) JOIN numbered d ON d.n = h / 29 % $distributors;
INSERT INTO assignments (tenant_id, id, retailer_id, sr_id)
    SELECT $tenant, uuidv7(), r.id, n.id
    FROM (SELECT id, row_number() OVER (ORDER BY territory_id, id) AS g FROM retailers WHERE tenant_id = $tenant) r
    JOIN numbered n ON n.n = r.g / $sr;
DROP TABLE numbered;
"""
ANALYZED = "retailers, assignments, unassigned_retailers, territories, areas, regions, distributors, users"


@dataclass(frozen=True, eq=False)
class Crowd:
    """The admin of a loaded organisation, and how many retailers it has."""

    admin: Person
    tenant_id: uuid.UUID
    size: int


def crowd(stack: Stack, code: str, size: int) -> Crowd:
    """The organisation, founded and filled when it is asked for first (over a minute for a million); a fresh login."""
    tenant_id = _founded(stack, code, size)
    return Crowd(Person(stack.url, f"admin@{code}.test"), tenant_id, size)


@functools.cache
def _founded(stack: Stack, code: str, size: int) -> uuid.UUID:
    tenant_id = uuid.UUID(Person.admin(stack, code).user["tenant_id"])
    asyncio.run(_load(stack, tenant_id, code, size))
    return tenant_id


async def _load(stack: Stack, tenant_id: uuid.UUID, code: str, size: int) -> None:
    words = {
        "latin_first": [latin for latin, _ in MUSLIM_MEN.first],
        "bangla_first": [bangla for _, bangla in MUSLIM_MEN.first],
        "latin_last": [latin for latin, _ in MUSLIM_MEN.last],
        "bangla_last": [bangla for _, bangla in MUSLIM_MEN.last],
        "latin_kind": KINDS_LATIN,
        "bangla_kind": KINDS_BANGLA,
    }
    values = {name: ", ".join(f"'{word}'" for word in found) for name, found in words.items()} | {
        "firsts": len(MUSLIM_MEN.first),
        "lasts": len(MUSLIM_MEN.last),
        "kinds": len(KINDS_LATIN),
        "tenant": f"'{tenant_id}'::uuid",
        "size": size,
        "code": code,
        "rare": PER_RARE_WORD,
        "territory": PER_TERRITORY,
        "regions": REGIONS,
        "areas": AREAS,
        "distributors": DISTRIBUTORS,
        "sr": PER_SR,
    }
    statements = LOAD
    for name in sorted(values, key=len, reverse=True):
        statements = statements.replace(f"${name}", str(values[name]))
    owner = await asyncpg.connect(stack.servers.database_url)
    try:
        await owner.execute(statements)
        # What autovacuum does within minutes: the index of names can then answer by itself.
        await owner.execute(f"VACUUM ANALYZE {ANALYZED}")
    finally:
        await owner.close()

"""One organisation of any size, written by SQL: SRs with 70 retailers each, their sessions, and their books."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec

from adapters.settings import load_settings
from adapters.tokens import Tokens
from domain.sessions import Session
from domain.shared.actor import Role
from tests.builders.books import rendering
from tests.stack import Stack

PER_SR: Final = 70
TERRITORIES: Final = 400
BOOKS_AT_ONCE: Final = 300

# Every value is as long as that of its neighbours: all pages are of one length, so that a wrong one shows.
_LOADING: Final = f"""
INSERT INTO organisations (tenant_id, code, name, country, time_zone, currency)
    VALUES ($tenant, 'market-$srs', 'Market', 'BD', 'Asia/Dhaka', 'BDT');
INSERT INTO regions (tenant_id, id, code, name)
    SELECT $tenant, uuidv7(), 'R' || n, 'Region ' || n FROM generate_series(1, 8) AS n;
INSERT INTO areas (tenant_id, id, region_id, code, name)
    SELECT $tenant, uuidv7(), r.id, 'A' || n, 'Area ' || n FROM generate_series(10, 73) AS n
    JOIN regions r ON r.tenant_id = $tenant AND r.code = 'R' || 1 + n % 8;
INSERT INTO territories (tenant_id, id, area_id, code, name)
    SELECT $tenant, uuidv7(), a.id, 'T' || n, 'Territory ' || n FROM generate_series(1000, 999 + {TERRITORIES}) AS n
    JOIN areas a ON a.tenant_id = $tenant AND a.code = 'A' || 10 + n % 64;
INSERT INTO users (tenant_id, id, login, name, role)
    SELECT $tenant, uuidv7(), 'sr-' || n || '@market-$srs.test', 'SR ' || n, 'sr'
    FROM generate_series(100000, 99999 + $srs) AS n;
INSERT INTO sessions (tenant_id, id, user_id, role, auth_version, expires_at)
    SELECT $tenant, uuidv7(), id, 'sr', 1, now() + interval '1 day' FROM users WHERE tenant_id = $tenant;
CREATE TEMPORARY TABLE shops AS
    SELECT uuidv7() AS id, n, 100000 + n / {PER_SR} AS sr FROM generate_series(0, $srs * {PER_SR} - 1) AS n;
INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, routes, points, lat, lng)
    SELECT $tenant, s.id, 'R-' || 10000000 + n, 'মায়ের দোয়া স্টোর ' || 10000000 + (n * 7919) % 9999991,
        '+8801' || 700000000 + n, t.id, ARRAY[(ARRAY['Sat', 'Sun', 'Mon'])[1 + n % 3]], 10 + n % 90,
        23 + (10001 + n * 10 % 80000) / 1e5, 90 + (10001 + n * 30 % 80000) / 1e5
    FROM shops s JOIN territories t ON t.tenant_id = $tenant AND t.code = 'T' || 1000 + sr % {TERRITORIES};
INSERT INTO assignments (tenant_id, id, retailer_id, sr_id)
    SELECT $tenant, uuidv7(), s.id, u.id FROM shops s
    JOIN users u ON u.tenant_id = $tenant AND u.login = 'sr-' || s.sr || '@market-$srs.test';
DROP TABLE shops;
"""


class Sr(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be a client of the API."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    retailer_id: uuid.UUID


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation whose books are rendered."""

    tenant_id: uuid.UUID
    srs: tuple[Sr, ...]

    def tokens(self, stack: Stack, count: int) -> list[str]:
        """Access tokens of the first `count` SRs, minted from the stack's key set; good for 14 minutes."""
        minting = Tokens(load_settings(stack.environment()).jwt_keys)
        return [minting.access_token(self._session(sr)) for sr in self.srs[:count]]

    def _session(self, sr: Sr) -> Session:
        now = datetime.now(UTC)
        return Session(
            tenant_id=self.tenant_id,
            id=sr.session_id,
            user_id=sr.user_id,
            role=Role.SR,
            auth_version=1,
            generation=1,
            rotated_at=now,
            expires_at=now,
        )


_loaded: dict[tuple[str, int], Market] = {}


def loaded(stack: Stack, *, srs: int) -> Market:
    """The market of so many SRs in this stack, loaded at its first use."""
    key = (stack.url, srs)
    if key not in _loaded:
        _loaded[key] = asyncio.run(_load(stack, srs))
    return _loaded[key]


async def _load(stack: Stack, srs: int) -> Market:
    tenant_id = uuid.uuid4()
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        loading = _LOADING.strip().removesuffix(";").replace("$tenant", f"'{tenant_id}'").replace("$srs", str(srs))
        for statement in loading.split(";"):
            await connection.execute(statement)
        await connection.execute("ANALYZE")
        rows = await connection.fetch(
            "SELECT u.id AS user_id, s.id AS session_id, a.retailer_id FROM users u"
            " JOIN sessions s ON s.tenant_id = u.tenant_id AND s.user_id = u.id"
            " JOIN LATERAL (SELECT retailer_id FROM assignments"
            " WHERE tenant_id = u.tenant_id AND sr_id = u.id ORDER BY retailer_id LIMIT 1) a ON true"
            " WHERE u.tenant_id = $1 ORDER BY u.login",
            tenant_id,
        )
    finally:
        await connection.close()
    found = tuple(Sr(**row) for row in rows)
    async with rendering(stack.servers.database_app_url, stack.servers.redis_read_url) as renderer:
        for start in range(0, len(found), BOOKS_AT_ONCE):
            await renderer.render(tenant_id, [sr.user_id for sr in found[start : start + BOOKS_AT_ONCE]])
    connection = await asyncpg.connect(stack.servers.database_url)
    await connection.execute("ANALYZE books, book_entries")
    await connection.close()
    return Market(tenant_id=tenant_id, srs=found)

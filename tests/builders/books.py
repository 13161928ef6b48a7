"""An organisation with territories, SRs and retailers, changed by plain SQL as any writer might."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import msgspec

from adapters.postgres.engine import open_engine
from adapters.published_books import PublishedBooks
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews
from commands.books.render_books import BookRenderer
from tests.builders.organisations import HasOwner, found

# A hash nobody's password fits: SRs of the market who need to log in come from `found`.
NO_LOGIN = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(kw_only=True)
class Market:
    """`region`, `area` and `territories` are ids; every change is committed at once."""

    owner: asyncpg.Connection
    tenant_id: uuid.UUID
    admin_login: str
    sr_login: str
    sr_id: uuid.UUID
    region: uuid.UUID
    area: uuid.UUID
    territories: list[uuid.UUID]
    distributor: uuid.UUID
    counter: int = field(default=0)

    async def add_sr(self) -> uuid.UUID:
        sr_id = uuid.uuid4()
        await self.owner.execute(
            "INSERT INTO users (tenant_id, id, login, name, role, password_hash) VALUES ($1, $2, $3, $3, 'sr', $4)",
            self.tenant_id, sr_id, f"sr-{sr_id}@market.test", NO_LOGIN,
        )  # fmt: skip
        return sr_id

    async def add_retailers(self, names: list[str], *, sr_id: uuid.UUID | None = None) -> list[uuid.UUID]:
        ids = [uuid.uuid4() for _ in names]
        rows = []
        for retailer_id, name in zip(ids, names, strict=True):
            self.counter += 1
            territory = self.territories[self.counter % len(self.territories)]
            distributor = self.distributor if self.counter % 2 else None
            phone = f"+88017{self.counter:08d}"
            routes = ["North"] if self.counter % 3 else ["South", "Market"]
            uid = f"R-{self.counter}"
            rows.append((self.tenant_id, retailer_id, uid, name, phone, territory, distributor, routes))
        await self.owner.executemany(
            "INSERT INTO retailers (tenant_id, id, uid, name, phone, territory_id, distributor_id, routes)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            rows,
        )
        if sr_id is not None:
            await self.assign(ids, sr_id)
        return ids

    async def assign(self, retailer_ids: list[uuid.UUID], sr_id: uuid.UUID | None) -> None:
        """Close the open assignments and, unless `sr_id` is None, open new ones."""
        async with self.owner.transaction():
            await self.owner.execute(
                "UPDATE assignments SET ended_at = clock_timestamp()"
                " WHERE tenant_id = $1 AND retailer_id = ANY($2) AND ended_at IS NULL",
                self.tenant_id, retailer_ids,
            )  # fmt: skip
            if sr_id is not None:
                await self.owner.execute(
                    "INSERT INTO assignments (tenant_id, id, retailer_id, sr_id, started_at)"
                    " SELECT $1, gen_random_uuid(), id, $3, clock_timestamp() FROM unnest($2::uuid[]) AS id",
                    self.tenant_id, retailer_ids, sr_id,
                )  # fmt: skip

    async def rename(self, retailer_id: uuid.UUID, name: str) -> None:
        await self.owner.execute(
            "UPDATE retailers SET name = $3, version = version + 1, updated_at = clock_timestamp()"
            " WHERE tenant_id = $1 AND id = $2",
            self.tenant_id, retailer_id, name,
        )  # fmt: skip

    async def delete(self, retailer_id: uuid.UUID) -> None:
        await self.assign([retailer_id], None)
        await self.owner.execute(
            "UPDATE retailers SET deleted_at = clock_timestamp() WHERE tenant_id = $1 AND id = $2",
            self.tenant_id, retailer_id,
        )  # fmt: skip

    async def rename_region(self, name: str) -> None:
        await self.owner.execute(
            "UPDATE regions SET name = $3 WHERE tenant_id = $1 AND id = $2", self.tenant_id, self.region, name
        )

    async def touched(self, **touches: list[uuid.UUID]) -> uuid.UUID:
        """An event in the outbox, as a command leaves it."""
        event_id = uuid.uuid4()
        content = {kind: [str(one) for one in ids] for kind, ids in touches.items()}
        await self.owner.execute(
            "INSERT INTO outbox (tenant_id, id, type, payload, touches) VALUES ($1, $2, 'test', '{}', $3)",
            self.tenant_id, event_id, msgspec.json.encode(content).decode(),
        )  # fmt: skip
        return event_id

    async def held(self, sr_id: uuid.UUID) -> dict[uuid.UUID, str]:
        """What the SR holds by the tables alone: retailer id to name."""
        rows = await self.owner.fetch(
            "SELECT r.id, r.name FROM assignments a"
            " JOIN retailers r ON r.tenant_id = a.tenant_id AND r.id = a.retailer_id"
            " WHERE a.tenant_id = $1 AND a.sr_id = $2 AND a.ended_at IS NULL AND r.deleted_at IS NULL",
            self.tenant_id, sr_id,
        )  # fmt: skip
        return {row["id"]: row["name"] for row in rows}

    async def entries(self, sr_id: uuid.UUID) -> dict[uuid.UUID, tuple[int, bool]]:
        rows = await self.owner.fetch(
            "SELECT retailer_id, version, present FROM book_entries WHERE tenant_id = $1 AND sr_id = $2",
            self.tenant_id, sr_id,
        )  # fmt: skip
        return {row["retailer_id"]: (row["version"], row["present"]) for row in rows}


@asynccontextmanager
async def rendering(app_url: str, redis_url: str) -> AsyncIterator[BookRenderer]:
    """A renderer in a process of its own, so to speak."""
    engine = open_engine(app_url, application_name="test-renderer", pool_size=2)
    views = BookViews(StampedPool(redis_url, timeout=1))
    try:
        yield BookRenderer(engine, PublishedBooks(engine, views))
    finally:
        await views.close()
        await engine.dispose()


async def open_market(database: HasOwner, *, password: str = NO_LOGIN) -> Market:
    """A new organisation in its own right; close `owner` when done."""
    founded = await found(database, password=password)
    owner = await asyncpg.connect(database.owner_url)
    region, area, distributor = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    territories = [uuid.uuid4() for _ in range(3)]
    tenant = founded.tenant_id
    insert = "INSERT INTO {} (tenant_id, id, code, name{}) VALUES ($1, $2, $3, $4{})"
    await owner.execute(insert.format("regions", "", ""), tenant, region, "DHK", "Dhaka")
    await owner.execute(insert.format("areas", ", region_id", ", $5"), tenant, area, "MIR", "মিরপুর", region)
    for number, territory in enumerate(territories):
        await owner.execute(
            insert.format("territories", ", area_id", ", $5"), tenant, territory, f"T{number}", f"Block {number}", area
        )
    await owner.execute(insert.format("distributors", "", ""), tenant, distributor, "D1", "Karim & Sons")
    return Market(
        owner=owner,
        tenant_id=tenant,
        admin_login=founded.admin_login,
        sr_login=founded.sr_login,
        sr_id=founded.sr_id,
        region=region,
        area=area,
        territories=territories,
        distributor=distributor,
    )

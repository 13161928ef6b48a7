"""An organisation with territories, distributors and SRs, and its jobs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from adapters.files import open_files
from adapters.postgres.engine import open_engine
from tests.builders.bulk_work import BulkWork, rows_of
from tests.builders.organisations import add_user, found
from tests.conftest import Database


@dataclass(kw_only=True)
class Place:
    """Rows are made and read as the owner of the tables, beside whatever the jobs do."""

    owner: asyncpg.Connection
    tenant_id: uuid.UUID
    srs: list[uuid.UUID]
    territories: dict[str, uuid.UUID]

    async def add(self, table: str, **values: Any) -> uuid.UUID:
        row_id = uuid.uuid4()
        columns = {"tenant_id": self.tenant_id, "id": row_id, **values}
        places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self.owner.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *columns.values())
        return row_id

    async def add_sr(self) -> uuid.UUID:
        return await add_user(self.owner, self.tenant_id, f"{uuid.uuid4()}@sr.test", "sr", "secret")

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return await rows_of(self.owner, query, *values)

    async def retailers(self, columns: str) -> list[tuple[Any, ...]]:
        """These columns of all live retailers, by uid."""
        return await self.rows(
            f"SELECT {columns} FROM retailers WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY uid", self.tenant_id
        )

    async def change(self, uid: str, assignment: str) -> None:
        """An edit by somebody."""
        await self.owner.execute(
            f"UPDATE retailers SET {assignment}, version = version + 1 WHERE tenant_id = $1 AND uid = $2",
            self.tenant_id,
            uid,
        )

    async def holders(self) -> dict[str, uuid.UUID]:
        rows = await self.rows(
            "SELECT r.uid, a.sr_id FROM assignments a JOIN retailers r USING (tenant_id) WHERE a.retailer_id = r.id"
            " AND a.tenant_id = $1 AND a.ended_at IS NULL",
            self.tenant_id,
        )
        return {str(uid): sr_id for uid, sr_id in rows}

    async def give(self, uid: str, sr_id: uuid.UUID) -> None:
        """Somebody assigns one retailer."""
        await self.owner.execute(
            "UPDATE assignments SET ended_at = now() WHERE tenant_id = $1 AND ended_at IS NULL AND retailer_id ="
            " (SELECT id FROM retailers WHERE tenant_id = $1 AND uid = $2)",
            self.tenant_id,
            uid,
        )
        retailer_id = await self.owner.fetchval(
            "SELECT id FROM retailers WHERE tenant_id = $1 AND uid = $2", self.tenant_id, uid
        )
        await self.add("assignments", retailer_id=retailer_id, sr_id=sr_id)

    async def waits_for_lock(self) -> None:
        """Until a statement of this database waits for a lock."""
        for _ in range(500):
            waiting = await self.owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if waiting:
                return
            await asyncio.sleep(0.01)
        pytest.fail("nothing waits for a lock")


@pytest.fixture
async def place(database: Database) -> AsyncIterator[Place]:
    """Territories T1 to T3 in area A1 of region R1, distributor D1, and three SRs."""
    founded = await found(database, password="secret")
    owner = await asyncpg.connect(database.owner_url)
    made = Place(owner=owner, tenant_id=founded.tenant_id, srs=[founded.sr_id], territories={})
    region = await made.add("regions", code="R1", name="North")
    area = await made.add("areas", code="A1", name="Old town", region_id=region)
    for code in ("T1", "T2", "T3"):
        made.territories[code] = await made.add("territories", code=code, name=f"Market {code}", area_id=area)
    await made.add("distributors", code="D1", name="Rahman Traders")
    made.srs += [await made.add_sr(), await made.add_sr()]
    made.srs.sort()
    yield made
    await owner.close()


@pytest.fixture
async def jobs(database: Database, place: Place, tmp_path: Path) -> AsyncIterator[BulkWork]:
    engine = open_engine(database.app_url, application_name="haat-tests")
    admin_id = await place.owner.fetchval(
        "SELECT id FROM users WHERE tenant_id = $1 AND role = 'admin'", place.tenant_id
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    yield BulkWork(
        engine=engine,
        files=open_files(f"file://{tmp_path}/files"),
        tenant_id=place.tenant_id,
        admin_id=admin_id,
        scratch=scratch,
    )
    await engine.dispose()

"""Retailers, made as an admin makes them, and who has them, written as a finished assignment job leaves it."""

import uuid
from datetime import datetime

import asyncpg
import httpx

from tests.builders.regions import Json, created, fresh
from tests.builders.territories import territory


async def retailer(admin: httpx.AsyncClient, territory_id: str | None = None, **members: object) -> Json:
    """A retailer, in a territory of its own unless one is named."""
    body = {
        "uid": fresh("R"),
        "name": "Shop",
        "phone": "01712345678",
        "territory_id": territory_id or (await territory(admin))["id"],
        **members,
    }
    return await created(admin, "retailers", **body)


async def assign(
    owner: asyncpg.Connection,
    tenant_id: uuid.UUID,
    retailer_id: str,
    sr_id: uuid.UUID,
    *,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> None:
    """The SR has the retailer from when until when."""
    await owner.execute(
        "INSERT INTO assignments (tenant_id, id, retailer_id, sr_id, started_at, ended_at)"
        " VALUES ($1, uuidv7(), $2, $3, coalesce($4, now()), $5)",
        tenant_id,
        uuid.UUID(retailer_id),
        sr_id,
        started_at,
        ended_at,
    )

"""What the rows of an import file may refer to, as tables to look names and codes up in."""

from typing import Any, Final
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.areas import areas
from adapters.postgres.tables.distributors import distributors
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.regions import regions
from adapters.postgres.tables.territories import territories
from workers.imports.kinds import Setting

_TERRITORY: Final = ("id", "code", "name", "area_code", "area_name", "region_code", "region_name")
_DISTRIBUTOR: Final = ("id", "code", "name")


async def setting_of(conn: AsyncConnection, tenant_id: UUID) -> Setting:
    """The organisation's country, territories and distributors."""
    country = sa.select(organisations.c.country).where(organisations.c.tenant_id == tenant_id)
    of_territories = (
        sa.select(
            sa.cast(territories.c.id, sa.Text),
            territories.c.code,
            territories.c.name,
            areas.c.code,
            areas.c.name,
            regions.c.code,
            regions.c.name,
        )
        .join(areas, (areas.c.tenant_id == tenant_id) & (areas.c.id == territories.c.area_id))
        .join(regions, (regions.c.tenant_id == tenant_id) & (regions.c.id == areas.c.region_id))
        .where(territories.c.tenant_id == tenant_id)
        .order_by(territories.c.id)
    )
    of_distributors = (
        sa.select(sa.cast(distributors.c.id, sa.Text), distributors.c.code, distributors.c.name)
        .where(distributors.c.tenant_id == tenant_id)
        .order_by(distributors.c.id)
    )
    return Setting(
        country=(await conn.execute(country)).scalar_one(),
        lookups={
            "territories": await _table(conn, of_territories, _TERRITORY),
            "distributors": await _table(conn, of_distributors, _DISTRIBUTOR),
        },
    )


async def _table(conn: AsyncConnection, query: sa.Select[Any], columns: tuple[str, ...]) -> pl.DataFrame:
    rows = [tuple(row) for row in await conn.execute(query)]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")

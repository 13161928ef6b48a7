"""What the planner knows of tables that a job is filling, and how not to suffer from what it does not know.

An organisation that the last ANALYZE has not seen counts as one row. Every index that begins with the organisation then
looks as good as the right one, and a join that should look up 20,000 rows reads all of them 20,000 times: minutes
instead of a second. Autovacuum comes a minute later at best.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.postgres.transaction import transaction
from domain.shared.actor import Actor

_BELIEVABLE_ROWS: Final = 1_000


async def refresh_statistics(engine: AsyncEngine, actor: Actor, tables: Sequence[str]) -> None:
    """ANALYZE the tables, unless somebody else is at it: under a second for a million rows, since it samples."""
    async with transaction(engine, actor) as tx:
        for table in tables:
            await tx.conn.execute(sa.text(f"ANALYZE (SKIP_LOCKED) {table}"))


async def mind_statistics(conn: AsyncConnection, tenant_id: UUID, tables: Sequence[str]) -> None:
    """Where the planner believes one of the tables all but empty for the organisation, join it by reading it once.

    Holds until the end of the transaction. If it is as small as believed, that costs nothing.
    """
    # A UUID is written as itself: EXPLAIN takes no parameters.
    reads = " UNION ALL ".join(f"SELECT 1 FROM {table} WHERE tenant_id = '{tenant_id}'" for table in tables)  # noqa: S608  our own names
    plan = (await conn.execute(sa.text(f"EXPLAIN (FORMAT JSON) {reads}"))).scalar_one()[0]["Plan"]
    believed = [each["Plan Rows"] for each in plan["Plans"]] if len(tables) > 1 else [plan["Plan Rows"]]
    if min(believed) < _BELIEVABLE_ROWS:
        await avoid_nested_loops(conn)


async def avoid_nested_loops(conn: AsyncConnection, *, avoid: bool = True) -> None:
    """Join by reading each table once, until the end of the transaction or until told otherwise."""
    await conn.execute(
        sa.text("SELECT set_config('enable_nestloop', :value, true)"), {"value": "off" if avoid else "on"}
    )

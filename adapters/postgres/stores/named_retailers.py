"""Writes to the lists of retailers that assignment jobs were given by name."""

from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.tables.named_retailers import named_retailers
from adapters.postgres.transaction import Tx
from domain.assignments import Selection


async def insert(tx: Tx, job_id: UUID, select: Selection) -> None:
    """Keep the ids or uids that the selection names."""
    values = {"ids": select.retailer_ids, "uids": select.retailer_uids}
    await tx.conn.execute(
        sa.insert(named_retailers).values(
            tenant_id=tx.tenant_id,
            job_id=job_id,
            **{name: None if value is None else list(value) for name, value in values.items()},
        )
    )


async def get(tx: Tx, job_id: UUID) -> Selection | None:
    """The selection by name that the job was given; None when it was given another one."""
    query = sa.select(named_retailers.c.ids, named_retailers.c.uids).where(
        named_retailers.c.tenant_id == tx.tenant_id, named_retailers.c.job_id == job_id
    )
    row = (await tx.conn.execute(query)).one_or_none()
    if row is None:
        return None
    return Selection(
        retailer_ids=None if row.ids is None else tuple(row.ids),
        retailer_uids=None if row.uids is None else tuple(row.uids),
    )


async def delete(tx: Tx, job_id: UUID) -> None:
    """Forget the list: the job has its plan."""
    await tx.conn.execute(
        sa.delete(named_retailers).where(
            named_retailers.c.tenant_id == tx.tenant_id, named_retailers.c.job_id == job_id
        )
    )

"""Writes to assignments."""

from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.stores._rows import into
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.transaction import Tx


class OpenAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a retailer now."""

    id: UUID
    retailer_id: UUID
    sr_id: UUID


_OPEN = sa.select(assignments.c.id, assignments.c.retailer_id, assignments.c.sr_id).where(
    assignments.c.ended_at.is_(None)
)


async def lock_open(tx: Tx, retailer_id: UUID) -> OpenAssignment | None:
    """The retailer's open assignment, locked; None when nobody has it."""
    query = _of_retailer(tx, retailer_id).with_for_update(key_share=True)
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    return None if row is None else into(OpenAssignment, row)


async def lock_own(tx: Tx, retailer_id: UUID) -> OpenAssignment | None:
    """The actor's own open assignment of the retailer, locked; None when they do not have it.

    A lock that is waited for is judged by the row as it is then, but only by the columns of this very row: whatever
    else depends on holding the retailer must be asked in later statements, whose snapshots are younger than the lock.
    """
    query = _of_retailer(tx, retailer_id).where(assignments.c.sr_id == tx.actor.user).with_for_update(key_share=True)
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    return None if row is None else into(OpenAssignment, row)


async def once_had(tx: Tx, retailer_id: UUID) -> bool:
    """Whether the actor had the retailer at some time that is over."""
    query = sa.select(assignments.c.id).where(
        assignments.c.tenant_id == tx.tenant_id,
        assignments.c.retailer_id == retailer_id,
        assignments.c.sr_id == tx.actor.user,
        assignments.c.ended_at.is_not(None),
    )
    return (await tx.conn.execute(query.limit(1))).first() is not None


async def get_open(tx: Tx, retailer_id: UUID) -> OpenAssignment | None:
    """The retailer's open assignment as committed by now: whoever locked first asks again after their last lock."""
    row = (await tx.conn.execute(_of_retailer(tx, retailer_id))).mappings().one_or_none()
    return None if row is None else into(OpenAssignment, row)


async def close(tx: Tx, assignment_id: UUID) -> None:
    """The assignment ends now, or when it began if a transaction that started after this one opened it."""
    await tx.conn.execute(
        sa.update(assignments)
        .where(assignments.c.tenant_id == tx.tenant_id, assignments.c.id == assignment_id)
        .values(ended_at=sa.func.greatest(tx.now, assignments.c.started_at))
    )


def _of_retailer(tx: Tx, retailer_id: UUID) -> sa.Select[tuple[UUID, UUID, UUID]]:
    return _OPEN.where(assignments.c.tenant_id == tx.tenant_id, assignments.c.retailer_id == retailer_id)

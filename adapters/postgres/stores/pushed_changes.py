"""Writes to pushed changes: each is claimed by whoever brings it first, and answered from afterwards."""

from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.pushed_changes import pushed_changes
from adapters.postgres.transaction import Tx
from domain.pushed_changes import Outcome, id_reused


async def claim(tx: Tx, change_id: UUID, digest: bytes) -> Outcome | None:
    """None when the actor has never brought this change; otherwise what became of it, or that its id was reused.

    A transaction that brings the same change holds its place in the unique index, so this waits for it.
    """
    row = _identity(tx, change_id)
    claimed = await tx.conn.execute(insert(pushed_changes).values(digest=digest, **row).on_conflict_do_nothing())
    if claimed.rowcount:
        return None
    query = sa.select(pushed_changes.c.digest, pushed_changes.c.status, pushed_changes.c.error).filter_by(**row)
    found = (await tx.conn.execute(query)).one_or_none()
    if found is None:  # it was deleted, being old, between the two statements
        return await claim(tx, change_id, digest)
    if found.digest != digest:
        return id_reused()
    return msgspec.convert({"status": found.status, "error": found.error, "duplicate": True}, Outcome)


async def keep(tx: Tx, change_id: UUID, outcome: Outcome) -> None:
    """Store the outcome for whoever brings the change again."""
    error = None if outcome.error is None else msgspec.to_builtins(outcome.error)
    update = sa.update(pushed_changes).filter_by(**_identity(tx, change_id))
    await tx.conn.execute(update.values(status=outcome.status, error=error))


async def delete_expired(tx: Tx, *, before: datetime, limit: int) -> int:
    """Forget the oldest changes of all organisations that are older than `before`, at most `limit`; how many."""
    pushed = pushed_changes.c.pushed_at
    return await delete_chosen(
        tx, pushed_changes, sa.select(pushed).where(pushed < before).order_by(pushed).limit(limit)
    )


def _identity(tx: Tx, change_id: UUID) -> dict[str, UUID]:
    return {"tenant_id": tx.tenant_id, "sr_id": tx.actor.user, "id": change_id}

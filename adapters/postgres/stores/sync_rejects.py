"""Writes to sync rejects."""

from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.sync_rejects import sync_rejects
from adapters.postgres.transaction import Tx
from domain.pushed_changes import ChangeError, SentChange


async def insert_once(tx: Tx, sent: SentChange, digest: bytes, error: ChangeError) -> None:
    """Keep what the actor wanted and why it was not made, unless it is kept already."""
    await tx.conn.execute(
        insert(sync_rejects)
        .values(
            tenant_id=tx.tenant_id,
            id=tx.new_id(),
            sr_id=tx.actor.user,
            change_id=sent.id,
            retailer_id=sent.retailer_id,
            base_version=sent.base_version,
            fields=sent.fields,
            code=error.code,
            message=error.message,
            errors=msgspec.to_builtins(error.errors),
            digest=digest,
            rejected_at=tx.now,
        )
        .on_conflict_do_nothing()
    )


async def delete_expired(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete the oldest rejects of all organisations that are older than `before`, at most `limit`; how many."""
    rejected = sync_rejects.c.rejected_at
    return await delete_chosen(
        tx, sync_rejects, sa.select(rejected).where(rejected < before).order_by(rejected).limit(limit)
    )

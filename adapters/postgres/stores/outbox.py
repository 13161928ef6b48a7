"""Writes to the outbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.outbox import deliveries, outbox
from adapters.postgres.transaction import Announcement, Tx
from domain.shared.events import Touches


async def insert(tx: Tx, announced: Sequence[Announcement]) -> None:
    """One row per announcement, in the transaction that it tells of."""
    if not announced:
        return
    await tx.conn.execute(
        sa.insert(outbox),
        [
            {
                "tenant_id": tx.tenant_id,
                "id": one.id,
                "type": one.event.__struct_config__.tag,
                "payload": msgspec.to_builtins(one.event),
                "touches": None if one.touches is None else msgspec.to_builtins(one.touches),
                "request_id": tx.actor.request_id,
                "actor_id": tx.actor.user_id,
            }
            for one in announced
        ],
    )


class Unrelayed(msgspec.Struct, frozen=True, kw_only=True):
    """An event that no subscriber has been told of."""

    tenant_id: UUID
    id: UUID
    type: str


async def claim_unrelayed(tx: Tx, *, limit: int) -> list[Unrelayed]:
    """The oldest events of all organisations that nobody else is relaying, marked as relayed."""
    oldest = (
        sa.select(outbox.c.tenant_id, outbox.c.id)
        .where(outbox.c.relayed_at.is_(None))
        .order_by(outbox.c.created_at)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("oldest")
    )
    claimed = await tx.conn.execute(
        sa.update(outbox)
        .where(outbox.c.tenant_id == oldest.c.tenant_id, outbox.c.id == oldest.c.id)
        .values(relayed_at=sa.func.clock_timestamp())
        .returning(outbox.c.tenant_id, outbox.c.id, outbox.c.type)
    )
    return [msgspec.convert({str(name): value for name, value in row.items()}, Unrelayed) for row in claimed.mappings()]


class Unrendered(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose books nobody has reported as rendered."""

    tenant_id: UUID
    id: UUID
    touches: Touches


_LATE = (
    "touches IS NOT NULL AND rendered_at IS NULL AND created_at < clock_timestamp() - make_interval(secs => :seconds)"
)
# An organisation at a time per relay; rows are not locked, since renderers must hold no locks but those of books.
_CLAIM_UNRENDERED = sa.text(
    f"""
    WITH waiting AS MATERIALIZED (
        -- In any order: a few organisations that cannot be rendered must not keep all others from their turn.
        SELECT tenant_id FROM outbox WHERE {_LATE} GROUP BY tenant_id ORDER BY random()
    ), mine AS MATERIALIZED (
        SELECT tenant_id FROM waiting
        WHERE pg_try_advisory_xact_lock(hashtextextended('haat.render.' || tenant_id, 0)) LIMIT :organisations
    )
    SELECT late.tenant_id, late.id, late.touches FROM mine CROSS JOIN LATERAL (
        SELECT tenant_id, id, touches FROM outbox WHERE outbox.tenant_id = mine.tenant_id AND {_LATE}
        ORDER BY created_at LIMIT :events
    ) late
    """  # noqa: S608  put together from our own parts
).columns(outbox.c.tenant_id, outbox.c.id, outbox.c.touches)
_MARK_RENDERED = sa.text(
    """
    WITH locked AS MATERIALIZED (
        SELECT o.tenant_id, o.id FROM outbox o
        JOIN unnest(:tenant_ids, :ids) AS done (tenant_id, id) ON o.tenant_id = done.tenant_id AND o.id = done.id
        WHERE o.rendered_at IS NULL ORDER BY o.tenant_id, o.id FOR NO KEY UPDATE OF o
    )
    UPDATE outbox o SET rendered_at = clock_timestamp()
    FROM locked WHERE o.tenant_id = locked.tenant_id AND o.id = locked.id
    """
).bindparams(
    sa.bindparam("tenant_ids", type_=postgresql.ARRAY(sa.Uuid())),
    sa.bindparam("ids", type_=postgresql.ARRAY(sa.Uuid())),
)


async def claim_unrendered(tx: Tx, *, older_than: float, organisations: int, events: int) -> list[Unrendered]:
    """What is unreported after `older_than` seconds, of organisations that no other relay renders just now.

    The claim lasts until the end of the transaction.
    """
    rows = await tx.conn.execute(
        _CLAIM_UNRENDERED, {"seconds": older_than, "organisations": organisations, "events": events}
    )
    return [msgspec.convert({str(name): value for name, value in row.items()}, Unrendered) for row in rows.mappings()]


async def mark_rendered(tx: Tx, events: Sequence[tuple[UUID, UUID]]) -> None:
    """The books of these (organisation, event) are fresh, in Redis too."""
    await tx.conn.execute(_MARK_RENDERED, {"tenant_ids": [one[0] for one in events], "ids": [one[1] for one in events]})


async def delete_passed_on(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete events of all organisations that are older than `before` and have gone wherever they had to; how many.

    Their deliveries go with them. A delivery that is done stays done, so nobody can need one while this decides.
    """
    undone = sa.select(deliveries.c.event_id).where(
        deliveries.c.tenant_id == outbox.c.tenant_id,
        deliveries.c.event_id == outbox.c.id,
        deliveries.c.state != "done",
    )
    old = (
        sa.select(outbox.c.id)
        .where(outbox.c.relayed_at.is_not(None), outbox.c.created_at < before)
        .where(sa.or_(outbox.c.touches.is_(None), outbox.c.rendered_at.is_not(None)))
        .where(~undone.exists())
        .order_by(outbox.c.created_at)
        .limit(limit)
        .with_for_update(of=outbox, skip_locked=True)
    )
    return await delete_chosen(tx, outbox, old)

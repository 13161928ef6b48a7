"""Writes to deliveries: an event on its way to one subscriber."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.stores._rows import delete_chosen
from adapters.postgres.tables.outbox import deliveries, outbox
from adapters.postgres.transaction import Tx


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery; `attempts` tells its tries apart."""

    tenant_id: UUID
    event_id: UUID
    subscriber: str
    attempts: int = 0


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its event."""

    type: str
    payload: dict[str, Any]
    attempts: int


async def insert(tx: Tx, addresses: Sequence[Address]) -> None:
    """New deliveries, due at once."""
    if addresses:
        names = ("tenant_id", "event_id", "subscriber")
        await tx.conn.execute(
            sa.insert(deliveries), [{name: getattr(one, name) for name in names} for one in addresses]
        )


async def lock(tx: Tx, event_id: UUID, subscriber: str) -> Letter | None:
    """The delivery, locked, if it is still pending and nobody is at it."""
    query = (
        sa.select(outbox.c.type, outbox.c.payload, deliveries.c.attempts)
        .join(outbox, sa.and_(outbox.c.tenant_id == deliveries.c.tenant_id, outbox.c.id == deliveries.c.event_id))
        .where(*_identity(tx, event_id, subscriber), deliveries.c.state == "pending")
        .with_for_update(of=deliveries, key_share=True, skip_locked=True)
    )
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    return None if row is None else msgspec.convert({str(name): value for name, value in row.items()}, Letter)


async def done(tx: Tx, event_id: UUID, subscriber: str) -> None:
    """The subscriber has done its part."""
    await tx.conn.execute(
        sa.update(deliveries)
        .where(*_identity(tx, event_id, subscriber))
        .values(state="done", done_at=sa.func.now(), attempts=deliveries.c.attempts + 1)
    )


async def failed(
    tx: Tx, event_id: UUID, subscriber: str, *, error: str, again_in_s: float | None, counts: bool = True
) -> None:
    """The subscriber failed; it is tried again in so many seconds, or the delivery is a dead letter (None).

    `counts` False: it was no try, and uses none up.
    """
    await tx.conn.execute(
        sa.update(deliveries)
        .where(*_identity(tx, event_id, subscriber), deliveries.c.state == "pending")
        .values(
            state="dead" if again_in_s is None else "pending",
            attempts=deliveries.c.attempts + int(counts),
            last_error=error,
            next_attempt_at=sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, again_in_s or 0.0),
        )
    )


async def overdue(tx: Tx, *, seconds: float, limit: int = 500) -> list[Address]:
    """Deliveries of all organisations that were due so long ago and are still pending, now due again as late."""
    late = sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    oldest = (
        sa.select(deliveries.c.tenant_id, deliveries.c.event_id, deliveries.c.subscriber)
        .where(deliveries.c.state == "pending", deliveries.c.next_attempt_at < sa.func.now() - late)
        .order_by(deliveries.c.next_attempt_at)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("oldest")
    )
    again = (
        sa.update(deliveries)
        .where(
            deliveries.c.tenant_id == oldest.c.tenant_id,
            deliveries.c.event_id == oldest.c.event_id,
            deliveries.c.subscriber == oldest.c.subscriber,
        )
        .values(next_attempt_at=sa.func.now())
        .returning(deliveries.c.tenant_id, deliveries.c.event_id, deliveries.c.subscriber, deliveries.c.attempts)
    )
    return [
        msgspec.convert({str(name): value for name, value in row.items()}, Address)
        for row in (await tx.conn.execute(again)).mappings()
    ]


async def resend(tx: Tx, event_id: UUID | None = None) -> int:
    """Dead letters of the organisation (or only this event's) are pending again; how many."""
    update = sa.update(deliveries).where(deliveries.c.tenant_id == tx.tenant_id, deliveries.c.state == "dead")
    if event_id is not None:
        update = update.where(deliveries.c.event_id == event_id)
    again = await tx.conn.execute(update.values(state="pending", attempts=0, next_attempt_at=sa.func.now()))
    return again.rowcount


async def delete_dead(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete dead letters of all organisations whose event is older than `before`, at most `limit`; how many."""
    old = (
        sa.select(deliveries.c.event_id)
        .join(outbox, sa.and_(outbox.c.tenant_id == deliveries.c.tenant_id, outbox.c.id == deliveries.c.event_id))
        .where(deliveries.c.state == "dead", outbox.c.created_at < before)
        .limit(limit)
        .with_for_update(of=deliveries, skip_locked=True)
    )
    return await delete_chosen(tx, deliveries, old)


def _identity(tx: Tx, event_id: UUID, subscriber: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        deliveries.c.tenant_id == tx.tenant_id,
        deliveries.c.event_id == event_id,
        deliveries.c.subscriber == subscriber,
    )

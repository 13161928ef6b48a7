"""Writes to sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from adapters.postgres.stores._rows import delete_chosen, into
from adapters.postgres.tables.sessions import sessions
from adapters.postgres.transaction import Tx
from domain.sessions import EndReason, Session


async def insert(tx: Tx, session: Session) -> None:
    """The session is there."""
    await tx.conn.execute(sa.insert(sessions).values(created_at=tx.now, **msgspec.structs.asdict(session)))


async def lock(tx: Tx, session_id: UUID) -> Session | None:
    """The session, locked FOR NO KEY UPDATE; None when there is none."""
    query = sa.select(sessions).where(*_identity(tx, session_id)).with_for_update(key_share=True)
    row = (await tx.conn.execute(query)).mappings().one_or_none()
    return None if row is None else into(Session, row)


async def rotate(tx: Tx, session_id: UUID) -> Session:
    """The locked session, one generation on."""
    update = (
        sa.update(sessions)
        .where(*_identity(tx, session_id))
        .values(generation=sessions.c.generation + 1, rotated_at=tx.now)
        .returning(sessions)
    )
    return into(Session, (await tx.conn.execute(update)).mappings().one())


async def end(tx: Tx, session_id: UUID, reason: EndReason) -> bool:
    """The session is over; False when it was already."""
    update = sa.update(sessions).where(*_identity(tx, session_id), sessions.c.ended_at.is_(None))
    return bool((await tx.conn.execute(update.values(ended_at=tx.now, ended_reason=reason.value))).rowcount)


async def end_all(tx: Tx, user_id: UUID, reason: EndReason) -> Sequence[UUID]:
    """All sessions of the user are over; those that this ended."""
    update = (
        sa.update(sessions)
        .where(sessions.c.tenant_id == tx.tenant_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
        .values(ended_at=tx.now, ended_reason=reason.value)
        .returning(sessions.c.id)
    )
    ended: Sequence[UUID] = (await tx.conn.execute(update)).scalars().all()
    return ended


async def end_of(tx: Tx, user_ids: Sequence[UUID], reason: EndReason) -> dict[UUID, list[UUID]]:
    """All sessions of these users are over; by user, those that this ended."""
    update = (
        sa.update(sessions)
        .where(sessions.c.tenant_id == tx.tenant_id, sessions.c.user_id.in_(user_ids), sessions.c.ended_at.is_(None))
        .values(ended_at=tx.now, ended_reason=reason.value)
        .returning(sessions.c.user_id, sessions.c.id)
    )
    ended: dict[UUID, list[UUID]] = {}
    for row in await tx.conn.execute(update):
        ended.setdefault(row.user_id, []).append(row.id)
    return ended


async def delete_over(tx: Tx, *, before: datetime, limit: int) -> int:
    """Delete sessions of all organisations that were over before then, at most `limit`; how many."""
    over = sa.func.least(sessions.c.ended_at, sessions.c.expires_at)
    return await delete_chosen(tx, sessions, sa.select(sessions.c.id).where(over < before).order_by(over).limit(limit))


def _identity(tx: Tx, session_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return sessions.c.tenant_id == tx.tenant_id, sessions.c.id == session_id

"""Sessions that have ended stay refused while PostgreSQL is away, even if the process that ended them has died."""

from uuid import UUID

from domain.sessions import SessionsEnded
from workers.machinery import Machinery
from workers.subscribers.subscriber import on


@on(SessionsEnded)
async def mark_ended(event: SessionsEnded, machinery: Machinery, _tenant_id: UUID) -> None:
    """Put the marks once more: whoever committed the end may not have come to it."""
    await machinery.session_marks.put_ended(event.session_ids)

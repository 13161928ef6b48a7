"""What SRs have pushed in vain, over HTTP, for admins."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.caller import Caller
from api.openapi import ANSWERS_MANY
from api.pagination import Cursor, Limit, page_request
from domain.shared.errors import Fault, Malformed
from queries._read import DEFAULT_LIMIT, Page
from queries.sync_rejects.sync_reject_list import SyncReject, SyncRejectFilter, sync_reject_list


def _instant(description: str) -> Any:  # noqa: ANN401  Litestar's own type
    return QueryParameter(description=f"{description} RFC 3339, with an offset.")


def _utc(name: str, instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    try:
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except OverflowError:
        pass
    message = f"{name} must be an instant with an offset, such as 2026-03-14T09:30:00Z."
    raise Malformed(message, faults=[Fault(name, "invalid_value", message)])


class SyncRejects(Controller):
    """Changes that were made on phones without a network, and came too late or with faults."""

    path = "/sync-rejects"
    tags = ("sync_rejects",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(
        operation_id="listSyncRejects", summary="List rejected changes of phones, newest first", responses=ANSWERS_MANY
    )
    async def list_rejects(
        self,
        caller: NamedDependency[Caller],
        sr_id: Annotated[UUID | None, QueryParameter(description="Only those of this SR.")] = None,
        retailer_id: Annotated[UUID | None, QueryParameter(description="Only those about this retailer.")] = None,
        since: Annotated[datetime | None, _instant("Only those rejected from then on.")] = None,
        until: Annotated[datetime | None, _instant("Only those rejected before then.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[SyncReject]:
        """A page of what SRs wanted and did not get, and why; kept for 180 days."""
        wanted = SyncRejectFilter(
            sr_id=sr_id, retailer_id=retailer_id, since=_utc("since", since), until=_utc("until", until)
        )
        return await sync_reject_list(caller.read, page_request(limit, cursor), wanted)

"""What SRs' phones have pushed and what was not made of it, the newest first, as the console shows it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.tables.retailers import retailers
from adapters.postgres.tables.sync_rejects import sync_rejects
from adapters.postgres.tables.users import users
from domain.pushed_changes import TAKEN_AWAY
from domain.retailers import Holder
from domain.shared.errors import Fault
from queries._read import Page, PageRequest, Read, fetch_page


class RejectedRetailer(msgspec.Struct, frozen=True, kw_only=True):
    """The retailer that an SR wanted to change; `deleted` when it is in no list any more."""

    id: UUID
    uid: Annotated[str, msgspec.Meta(examples=["R-000123"])]
    name: Annotated[str, msgspec.Meta(examples=["রহিম স্টোর"])]
    deleted: bool


class SyncReject(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was refused: who wanted what, when it came, and why it was not made.

    `retailer` is null when there is no such retailer here; `retailer_id`, `base_version` and `fields` are as they were
    sent, null when they could not be read or are too large to be kept.
    """

    id: UUID
    change_id: UUID | None
    sr: Holder
    retailer_id: UUID | None
    retailer: RejectedRetailer | None
    base_version: Annotated[int, msgspec.Meta(examples=[3])] | None
    fields: Any
    code: Annotated[str, msgspec.Meta(examples=[TAKEN_AWAY])]
    message: str
    errors: tuple[Fault, ...]
    rejected_at: datetime


class SyncRejectFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of them; what is None does not limit. From `since` on, and before `until`."""

    sr_id: UUID | None = None
    retailer_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


_SR = sa.func.jsonb_build_object(
    "id", users.c.id, "name", users.c.name, "login", users.c.login, type_=postgresql.JSONB
)  # fmt: skip
_RETAILER = sa.func.jsonb_build_object(
    "id", retailers.c.id, "uid", retailers.c.uid, "name", retailers.c.name,
    "deleted", retailers.c.deleted_at.is_not(None), type_=postgresql.JSONB,
)  # fmt: skip
_AS_STORED = (
    "id", "change_id", "retailer_id", "base_version", "fields", "code", "message", "errors", "rejected_at",
)  # fmt: skip
_REJECTS = (
    sa.select(
        *(sync_rejects.c[name] for name in _AS_STORED),
        _SR.label("sr"),
        sa.case((retailers.c.id.is_not(None), _RETAILER), else_=None).label("retailer"),
    )
    .select_from(sync_rejects)
    .join(users, sa.and_(users.c.tenant_id == sync_rejects.c.tenant_id, users.c.id == sync_rejects.c.sr_id))
    .outerjoin(
        retailers,
        sa.and_(retailers.c.tenant_id == sync_rejects.c.tenant_id, retailers.c.id == sync_rejects.c.retailer_id),
    )
)


async def sync_reject_list(read: Read, page: PageRequest, wanted: SyncRejectFilter) -> Page[SyncReject]:
    """A page of the organisation's rejects. Raises Malformed for a bad cursor."""
    query = _REJECTS.where(sync_rejects.c.tenant_id == read.actor.tenant)
    if wanted.sr_id is not None:
        query = query.where(sync_rejects.c.sr_id == wanted.sr_id)
    if wanted.retailer_id is not None:
        query = query.where(sync_rejects.c.retailer_id == wanted.retailer_id)
    if wanted.since is not None:
        query = query.where(sync_rejects.c.rejected_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(sync_rejects.c.rejected_at < wanted.until)
    # The ids are UUIDv7: their order is that of time, and an index has it.
    order = (sa.literal("").label("newest"), sync_rejects.c.id)
    async with read.connect() as conn:
        return await fetch_page(conn, query, page, into=SyncReject, name="sync_rejects", order=order, newest_first=True)

"""The delta sync of one SR: what has changed in their book since the cursor, removals among it."""

from uuid import UUID

import msgspec
import sqlalchemy as sa

from domain.books import (
    BookVersion,
    Entry,
    Needed,
    OwnRetailer,
    SyncCursor,
    SyncPage,
    first_of_pass,
    may_follow,
    read_cursor,
    sync_page,
    write_cursor,
)
from domain.shared.errors import Unavailable
from queries._read import Read
from queries._views import BookReader, is_enough

_FROM_START = UUID(int=0)

# One statement: entries and the book's version are of one snapshot, and read from the primary, never from a replica.
_ENTRIES = sa.text(
    """
    SELECT b.epoch, b.version AS book_version,
        ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint AS timeline,
        e.retailer_id, e.version, e.doc, e.present
    FROM books b LEFT JOIN LATERAL (
        SELECT retailer_id, version, doc, present FROM book_entries e
        WHERE e.tenant_id = b.tenant_id AND e.sr_id = b.sr_id
            AND (e.version, e.retailer_id) > (CAST(:version AS bigint), :retailer_id)
            AND (e.present OR NOT :full OR e.version > coalesce(CAST(:began_at AS bigint), b.version))
        ORDER BY e.version, e.retailer_id LIMIT :limit
    ) e ON true
    WHERE b.tenant_id = :tenant_id AND b.sr_id = :sr_id AND b.version > 0
    ORDER BY e.version, e.retailer_id
    """
).bindparams(*(sa.bindparam(name, type_=sa.Uuid()) for name in ("tenant_id", "sr_id", "retailer_id")))


class BookSync(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the sync. Apply `removed` first, then `changed`; go on with `cursor`.

    `full`: this pass begins from nothing. On `start`, drop what you staged; stage; swap when `more` is false.
    """

    cursor: str
    full: bool
    start: bool
    changed: tuple[OwnRetailer, ...]
    removed: tuple[UUID, ...]
    more: bool


async def book_sync(
    read: Read, reader: BookReader, *, cursor: str | None, limit: int, needed: Needed
) -> tuple[bytes, BookVersion]:
    """`BookSync` as JSON, and the version of the book it is of. Raises Malformed, Unavailable."""
    sr_id = read.actor.user
    before = read_cursor(cursor) if cursor else None
    if before is not None and before.sr_id != sr_id:
        before = None
    if needed.render_first:
        await reader.render(read.actor.tenant, sr_id)
    elif before is not None and (at := await _nothing_new(read, reader, before, needed)) is not None:
        return _json(sync_page(before, at, (), limit, start=False)), at
    async with reader.turn_at_primary():
        found = await _page(read, before, limit)
    if found is None:
        # Never rendered, or not since a promotion: made now, never read as an empty book.
        await reader.render(read.actor.tenant, sr_id)
        async with reader.turn_at_primary():
            found = await _page(read, before, limit)
    if found is None:
        message = "Your list is being made ready. Try again in a moment."
        raise Unavailable(message)
    page, at = found
    return _json(page), at


async def _nothing_new(read: Read, reader: BookReader, before: SyncCursor, needed: Needed) -> BookVersion | None:
    """The book's version, when Redis is enough to know that a client which is up to date still is."""
    book = await reader.from_redis(read.actor.tenant, read.actor.user)
    if book is None or not is_enough(book, needed):
        return None
    return book.at if book.at == before.caught_up_at else None


async def _page(read: Read, before: SyncCursor | None, limit: int) -> tuple[SyncPage, BookVersion] | None:
    sr_id = read.actor.user
    parameters = {
        "tenant_id": read.actor.tenant,
        "sr_id": sr_id,
        "limit": limit + 1,
        "version": before.version if before else 0,
        "retailer_id": before.retailer_id if before else _FROM_START,
        "full": before.full if before else True,
        "began_at": before.began_at if before else None,
    }
    async with read.connect() as conn:
        rows = (await conn.execute(_ENTRIES, parameters)).all()
    if not rows:
        return None
    at = BookVersion(rows[0].epoch, rows[0].book_version)
    if not at.belongs_to(rows[0].timeline):
        return None
    if before is not None and not may_follow(before, sr_id, at):
        return await _page(read, None, limit)
    entries = [
        Entry(retailer_id=row.retailer_id, version=row.version, document=row.doc, present=row.present)
        for row in rows
        if row.retailer_id is not None
    ]
    return sync_page(before or first_of_pass(sr_id, at), at, entries, limit, start=before is None), at


def _json(page: SyncPage) -> bytes:
    changed = ",".join(entry.document for entry in page.entries if entry.present)
    removed = [entry.retailer_id for entry in page.entries if not entry.present]
    return (
        f'{{"cursor":"{write_cursor(page.cursor)}","full":{_bool(page.full)},"start":{_bool(page.start)},'
        f'"changed":[{changed}],"removed":{msgspec.json.encode(removed).decode()},"more":{_bool(page.more)}}}'
    ).encode()


def _bool(value: bool) -> str:  # noqa: FBT001  one value to write
    return "true" if value else "false"

"""The organisation's jobs, the newest first."""

from datetime import datetime
from typing import Final

import msgspec

from adapters.postgres.tables.jobs import jobs
from domain.jobs import Job, JobFilter
from domain.shared.errors import Malformed
from queries._jobs import JOBS, JobView, job_of
from queries._read import Page, PageRequest, Position, Read, parse_cursor, write_cursor
from queries._selected_jobs import Key, count_up_to, next_keys

_LIST: Final = "jobs"
# Counting is what makes a list of a million slow: beyond this a count says "at least".
COUNTED: Final = 1_000


async def job_list(read: Read, page: PageRequest, wanted: JobFilter) -> Page[Job]:
    """A page of the filter's jobs; the first one also counts them, up to a limit. Raises Malformed for a bad cursor."""
    after = None if page.cursor is None else _position(page.cursor)
    tenant_id = read.actor.tenant
    async with read.connect() as conn:
        keys = await next_keys(conn, tenant_id, wanted, after=after, limit=page.limit + 1)
        more = len(keys) > page.limit
        keys = keys[: page.limit]
        ids = [job_id for _, job_id in keys]
        rows = (await conn.execute(JOBS.where(jobs.c.tenant_id == tenant_id, jobs.c.id.in_(ids)))).mappings()
        views = [msgspec.convert({str(name): value for name, value in row.items()}, JobView) for row in rows]
        counted = None
        if page.cursor is None:
            counted = await count_up_to(conn, tenant_id, wanted, limit=COUNTED + 1) if more else len(keys)
    views.sort(key=lambda view: (view.submitted_at, view.id), reverse=True)
    cursor = write_cursor(Position(_LIST, keys[-1][0].isoformat(), keys[-1][1])) if more else None
    found = Page([job_of(view, {}) for view in views], cursor)
    if counted is None:
        return found
    return msgspec.structs.replace(
        found, count=min(counted, COUNTED), count_is="exact" if counted <= COUNTED else "at_least"
    )


def _position(cursor: str) -> Key:
    position = parse_cursor(cursor, _LIST)
    try:
        instant = datetime.fromisoformat(position.value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = "This cursor is not one of this list. Start again without a cursor."
        raise Malformed(message)
    return instant, position.id

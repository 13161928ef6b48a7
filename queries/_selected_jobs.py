"""Which jobs a filter means: the next of a list, newest first, how many, and all of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables.jobs import jobs
from domain.jobs import KINDS, STATES, JobFilter

Key = tuple[datetime, UUID]
_TEXTS: Final = postgresql.ARRAY(sa.Text())


def selected(tenant_id: UUID, wanted: JobFilter, *, after: Key | None = None, limit: int | None) -> sa.Select[Any]:
    """(submitted_at, id) of at most `limit` of the filter's jobs behind `after`, newest first.

    Each state and kind is a part of an index in this very order: a page of each, and the first of all these. So no
    combination of filters reads more than a few rows that it does not give, however many jobs there are.
    """
    group = _groups(wanted)
    key = sa.tuple_(jobs.c.submitted_at, jobs.c.id)
    conditions = [jobs.c.tenant_id == tenant_id, jobs.c.state == group.c.state, jobs.c.kind == group.c.kind]
    if wanted.submitted_by is not None:
        conditions.append(jobs.c.submitted_by == wanted.submitted_by)
    if wanted.submitted_from is not None:
        conditions.append(jobs.c.submitted_at >= wanted.submitted_from)
    if wanted.submitted_before is not None:
        conditions.append(jobs.c.submitted_at < wanted.submitted_before)
    if after is not None:
        conditions.append(
            key < sa.tuple_(sa.literal(after[0], jobs.c.submitted_at.type), sa.literal(after[1], sa.Uuid()))
        )
    newest = (jobs.c.submitted_at.desc(), jobs.c.id.desc())
    first = sa.select(jobs.c.submitted_at, jobs.c.id).where(*conditions).order_by(*newest).limit(limit).lateral("first")
    query = sa.select(first.c.submitted_at, first.c.id).select_from(group).join(first, sa.true())
    return query.order_by(first.c.submitted_at.desc(), first.c.id.desc()).limit(limit)


async def next_keys(
    conn: AsyncConnection, tenant_id: UUID, wanted: JobFilter, *, after: Key | None, limit: int
) -> Sequence[Key]:
    """The first of the filter's jobs behind `after`."""
    found = await conn.execute(selected(tenant_id, wanted, after=after, limit=limit))
    return [(row.submitted_at, row.id) for row in found]


async def count_up_to(conn: AsyncConnection, tenant_id: UUID, wanted: JobFilter, *, limit: int) -> int:
    """How many jobs the filter means, counted no further than `limit`."""
    # In no order: the count stops at its limit, wherever it stands then.
    found = selected(tenant_id, wanted, limit=limit).order_by(None).subquery()
    counted: int = (await conn.execute(sa.select(sa.func.count()).select_from(found))).scalar_one()
    return counted


def _groups(wanted: JobFilter) -> sa.TableValuedAlias:
    states = STATES if wanted.state is None else (wanted.state,)
    kinds = KINDS if wanted.kind is None else (wanted.kind,)
    pairs = [(state, kind) for state in states for kind in kinds]
    each = sa.func.unnest(*(sa.literal(list(part), _TEXTS) for part in zip(*pairs, strict=True)))
    return each.table_valued(sa.column("state", sa.Text), sa.column("kind", sa.Text), name="wanted").render_derived()

"""Which jobs an action would act on."""

from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.job_actions import ACTED_ON, MAX_JOBS, STATES, ActionRequest
from queries._selected_jobs import selected


async def jobs_to_act_on(conn: AsyncConnection, tenant_id: UUID, request: ActionRequest) -> list[UUID]:
    """Their ids, newest first; no more than one above MAX_JOBS."""
    wanted = request.filter
    parts = [
        selected(tenant_id, msgspec.structs.replace(wanted, state=state, kind=kind), limit=MAX_JOBS + 1).subquery()
        for state in STATES[request.action]
        for kind in ACTED_ON
        if wanted.state in {None, state} and wanted.kind in {None, kind}
    ]
    if not parts:
        return []
    found = sa.union_all(*(part.select() for part in parts)).subquery()
    query = sa.select(found.c.id).order_by(found.c.submitted_at.desc(), found.c.id.desc()).limit(MAX_JOBS + 1)
    return list((await conn.execute(query)).scalars())

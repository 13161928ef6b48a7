"""Writes to loans: who lent which retailer, and on which assignment that rests as holders change.

Each function that follows moves is called after `assignments_bulk.move`, in its transaction: `staged_moves` holds what
was moved, and each move ended one row at the very instant at which it opened another.
"""

from datetime import date
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.stores.before_images import PageOfImages
from adapters.postgres.tables.assignments import assignments
from adapters.postgres.tables.jobs import jobs
from adapters.postgres.tables.loans import loans
from adapters.postgres.transaction import Tx
from domain.jobs import OPEN


async def lend(tx: Tx, *, job_id: UUID) -> None:
    """What was moved is lent by whoever had it; loans of it that are in force go on below this one."""
    await tx.conn.execute(sa.text(_CARRY_ALL), {"tenant_id": tx.tenant_id})
    await tx.conn.execute(sa.text(_LEND), {"tenant_id": tx.tenant_id, "job_id": job_id})


async def gave_back(tx: Tx, *, job_id: UUID) -> None:
    """What was moved has returned from the job's loans: those below go on, the others of it are void."""
    await tx.conn.execute(sa.text(_CARRY_BELOW), {"tenant_id": tx.tenant_id, "job_id": job_id})


async def taken_back(tx: Tx, *, job_id: UUID) -> None:
    """Moves of the job were undone: its own loans are void, all others are as they were before it."""
    if (await tx.conn.execute(sa.select(_of(tx).limit(1).exists()))).scalar_one():
        await tx.conn.execute(sa.text(_CARRY_BACK), {"tenant_id": tx.tenant_id, "job_id": job_id})


async def stage_returns(tx: Tx, job_id: UUID, page: PageOfImages) -> None:
    """Fill `staged_moves` with the returns of the job's loans; those that are void name a holder that nobody is."""
    values = {"tenant_id": tx.tenant_id, "job_id": job_id, "first": page.first, "last": page.last, "nobody": _NOBODY}
    await tx.conn.execute(sa.text(_RETURNS), values)


async def returning(tx: Tx, *, until: date) -> dict[UUID, UUID | None]:
    """Who will get back each retailer whose loan is in force and returns on `until` or before."""
    rests = (assignments.c.tenant_id == loans.c.tenant_id) & (assignments.c.id == loans.c.assignment_id)
    back = (jobs.c.tenant_id == loans.c.tenant_id) & (jobs.c.return_of == loans.c.job_id)
    query = (
        sa.select(loans.c.retailer_id, loans.c.lender_id)
        .select_from(loans.join(assignments, rests).join(jobs, back))
        .where(loans.c.tenant_id == tx.tenant_id, assignments.c.ended_at.is_(None))
        .where(jobs.c.state.in_(OPEN), jobs.c.starts_on <= until)
        .order_by(loans.c.depth.desc())
    )
    # Of several loans the lowest one tells: the last that is taken into the dictionary.
    return {row.retailer_id: row.lender_id for row in await tx.conn.execute(query)}


async def pages(tx: Tx, job_id: UUID, *, size: int) -> list[PageOfImages]:
    """The job's loans, void ones too, in disjoint pages of at most `size` retailers, in the order of their ids."""
    query = sa.select(loans.c.retailer_id).where(*_by(tx, job_id)).order_by(loans.c.retailer_id)
    ids = list((await tx.conn.execute(query)).scalars())
    parts = [ids[start : start + size] for start in range(0, len(ids), size)]
    return [PageOfImages(part[0], part[-1], len(part)) for part in parts]


async def count(tx: Tx, job_id: UUID) -> int:
    """How many loans of the job there are, void ones too."""
    query = sa.select(sa.func.count()).select_from(loans).where(*_by(tx, job_id))
    return int((await tx.conn.execute(query)).scalar_one())


async def delete_void(tx: Tx, job_id: UUID) -> None:
    """Forget the job's loans that rest on nothing any more."""
    ended = assignments.c.ended_at.is_not(None)
    rests = (assignments.c.tenant_id == loans.c.tenant_id, assignments.c.id == loans.c.assignment_id)
    await tx.conn.execute(sa.delete(loans).where(*_by(tx, job_id), sa.exists().where(*rests, ended)))


async def delete(tx: Tx, job_id: UUID) -> None:
    """Forget the job's loans."""
    await tx.conn.execute(sa.delete(loans).where(*_by(tx, job_id)))


def _of(tx: Tx) -> sa.Select[tuple[UUID]]:
    return sa.select(loans.c.retailer_id).where(loans.c.tenant_id == tx.tenant_id)


def _by(tx: Tx, job_id: UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return loans.c.tenant_id == tx.tenant_id, loans.c.job_id == job_id


_NOBODY: Final = UUID(int=0)

_MOVED: Final = """
FROM staged_moves m
JOIN assignments n ON n.tenant_id = :tenant_id AND n.retailer_id = m.retailer_id AND n.ended_at IS NULL
"""
_ENDED: Final = """
JOIN assignments o ON o.tenant_id = :tenant_id AND o.retailer_id = m.retailer_id
    AND o.ended_at = n.started_at AND o.sr_id = m.holder
"""

_CARRY_ALL: Final = f"""
UPDATE loans l SET assignment_id = n.id {_MOVED} {_ENDED}
WHERE m.target IS DISTINCT FROM m.holder AND l.tenant_id = :tenant_id AND l.assignment_id = o.id
"""  # noqa: S608  our own names

_CARRY_BELOW: Final = f"""
UPDATE loans l SET assignment_id = n.id {_MOVED} {_ENDED}
JOIN loans r ON r.tenant_id = :tenant_id AND r.job_id = :job_id AND r.retailer_id = m.retailer_id
WHERE m.target IS DISTINCT FROM m.holder
  AND l.tenant_id = :tenant_id AND l.assignment_id = o.id AND l.depth < r.depth
"""  # noqa: S608  our own names

_LEND: Final = f"""
INSERT INTO loans (tenant_id, job_id, retailer_id, assignment_id, lender_id, depth)
SELECT :tenant_id, :job_id, m.retailer_id, n.id, m.holder, 1 + coalesce(
    (SELECT max(l.depth) FROM loans l WHERE l.tenant_id = :tenant_id AND l.assignment_id = n.id), 0)
{_MOVED}
WHERE m.target IS DISTINCT FROM m.holder
"""  # noqa: S608  our own names

# `b` is the row that the undone move ended: what rested on it then is in force again.
_CARRY_BACK: Final = f"""
UPDATE loans l SET assignment_id = n.id {_MOVED}
LEFT JOIN assignments o ON o.tenant_id = :tenant_id AND o.retailer_id = m.retailer_id
    AND o.ended_at = n.started_at AND o.sr_id = m.holder
LEFT JOIN LATERAL (
    SELECT e.id, e.sr_id FROM assignments e
    WHERE e.tenant_id = :tenant_id AND e.retailer_id = m.retailer_id
      AND e.ended_at IS NOT NULL AND (o.id IS NULL OR e.ended_at = o.started_at)
    ORDER BY e.ended_at DESC LIMIT 1
) b ON b.sr_id = m.target
WHERE m.target IS DISTINCT FROM m.holder
  AND l.tenant_id = :tenant_id AND l.job_id <> :job_id AND l.assignment_id IN (o.id, b.id)
"""  # noqa: S608  our own names

_RETURNS: Final = """
INSERT INTO staged_moves (retailer_id, holder, target)
SELECT l.retailer_id, coalesce(a.sr_id, :nobody), l.lender_id
FROM loans l
LEFT JOIN assignments a ON a.tenant_id = :tenant_id AND a.id = l.assignment_id AND a.ended_at IS NULL
WHERE l.tenant_id = :tenant_id AND l.job_id = :job_id AND l.retailer_id BETWEEN :first AND :last
"""

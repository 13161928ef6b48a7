"""Takes back what a job did to rows: restores what it changed, deletes what it created, leaves alone what moved on."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.statistics import mind_statistics
from adapters.postgres.stores import distributors_bulk, retailers_bulk
from adapters.postgres.stores._images import created_image, digest
from adapters.postgres.stores.before_images import DoneByChunk, PageOfImages
from adapters.postgres.stores.territories_bulk import AREAS, REGIONS, TERRITORIES
from adapters.postgres.transaction import Tx

GONE: Final = "gone"
CHANGED: Final = "changed"
REFERRED_TO: Final = "referred_to"
PARENT_GONE: Final = "parent_gone"


class Subject(NamedTuple):
    """A table whose rows a job writes.

    `created` and `changed` are the columns that it writes to new and to existing rows; `label` names a row for people;
    `parents` are columns with the tables they refer to, `referrers` tables with the columns that refer here.
    """

    table: str
    label: str
    created: Sequence[str]
    changed: Sequence[str]
    parents: Sequence[tuple[str, str]] = ()
    referrers: Sequence[tuple[str, str]] = ()
    soft_deleted: bool = False


RETAILERS: Final = Subject(
    table="retailers",
    label="uid",
    created=retailers_bulk.CREATED,
    changed=(*retailers_bulk.WRITTEN, "deleted_at"),
    parents=(("territory_id", "territories"), ("distributor_id", "distributors")),
    referrers=(("assignments", "retailer_id"),),
    soft_deleted=True,
)
DISTRIBUTORS: Final = Subject(
    table="distributors",
    label="code",
    created=distributors_bulk.WRITTEN,
    changed=distributors_bulk.WRITTEN[1:],
    referrers=(("retailers", "distributor_id"),),
)
# From the bottom: what refers to others goes first.
GEOGRAPHY: Final = (
    Subject(
        table="territories",
        label="code",
        created=TERRITORIES.written,
        changed=TERRITORIES.written[1:],
        parents=(("area_id", "areas"),),
        referrers=(("retailers", "territory_id"),),
    ),
    Subject(
        table="areas",
        label="code",
        created=AREAS.written,
        changed=AREAS.written[1:],
        parents=(("region_id", "regions"),),
        referrers=(("territories", "area_id"),),
    ),
    Subject(
        table="regions",
        label="code",
        created=REGIONS.written,
        changed=REGIONS.written[1:],
        referrers=(("areas", "region_id"),),
    ),
)


class LeftAlone(NamedTuple):
    """A row that could not be taken back: what people call it, and which of this module's reasons holds."""

    label: str
    name: str
    reason: str


async def undo(
    tx: Tx, subject: Subject, page: PageOfImages | DoneByChunk, *, undone_job: UUID, job_id: UUID, chunk: int
) -> list[LeftAlone]:
    """Take back what `undone_job` did to the rows of `page`; every restored row gets an image of this job's own.

    The rows left alone are those in which a column that the job wrote holds something else now, and those created by
    it that something refers to.
    """
    values = {
        "tenant_id": tx.tenant_id,
        "undone_job": undone_job,
        "job_id": job_id,
        "chunk": chunk,
        "now": tx.now,
        "subject": subject.table,
        **(page._asdict() if isinstance(page, PageOfImages) else {"created_by": page.chunk}),
    }

    async def run(statement: str) -> sa.CursorResult[Any]:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        return await tx.conn.execute(sa.text(statement), used)

    await run(_TABLE)
    await run("TRUNCATE taken_back")
    await run(_FILL if isinstance(page, PageOfImages) else _FILL_CREATED)
    await run("ANALYZE taken_back")
    await mind_statistics(tx.conn, tx.tenant_id, [subject.table, *(table for table, _ in subject.referrers)])
    for column, parent in subject.parents:
        await run(_LOCK_PARENTS.format(column=column, parent=parent))
    await run(_LOCK.format(table=subject.table))
    left = [LeftAlone(row.label, row.name, row.reason) for row in await run(_leave_alone(subject))]
    await run(_DELETE.format(table=subject.table))
    columns, restored = ", ".join(subject.changed), ", ".join(f"p.{column}" for column in subject.changed)
    await run(_RESTORE.format(table=subject.table, columns=columns, restored=restored))
    await run(_IMAGES)
    return left


def _leave_alone(subject: Subject) -> str:
    referred = " OR ".join(
        f"EXISTS (SELECT FROM {table} f WHERE f.tenant_id = :tenant_id AND f.{column} = b.row_id)"
        for table, column in subject.referrers
    )
    parentless = " OR ".join(
        f"(b.before ->> '{column}' IS NOT NULL AND NOT EXISTS (SELECT FROM {parent} p"
        f" WHERE p.tenant_id = :tenant_id AND p.id = (b.before ->> '{column}')::uuid))"
        for column, parent in subject.parents
    )
    held_again = (
        "b.before ->> 'deleted_at' IS NOT NULL AND EXISTS (SELECT FROM assignments f"
        " WHERE f.tenant_id = :tenant_id AND f.retailer_id = b.row_id AND f.ended_at IS NULL)"
    )
    return _LEAVE_ALONE.format(
        table=subject.table,
        label=subject.label,
        created=created_image("r", subject.created),
        digest=digest("r", subject.created),
        referred=referred,
        parentless=parentless or "false",
        held_again=held_again if subject.soft_deleted else "false",
        gone=GONE,
        changed=CHANGED,
        referred_to=REFERRED_TO,
        parent_gone=PARENT_GONE,
    )


_TABLE: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS taken_back (row_id uuid PRIMARY KEY, before jsonb, after jsonb, digest int8)
ON COMMIT DROP
"""

_FILL: Final = """
INSERT INTO taken_back
SELECT row_id, before, after FROM before_images
WHERE tenant_id = :tenant_id AND job_id = :undone_job AND subject = :subject AND row_id BETWEEN :first AND :last
"""

_FILL_CREATED: Final = """
INSERT INTO taken_back (row_id, digest)
SELECT u.id, u.digest FROM created_rows c CROSS JOIN LATERAL unnest(c.ids, c.digests) AS u (id, digest)
WHERE c.tenant_id = :tenant_id AND c.job_id = :undone_job AND c.subject = :subject AND c.chunk = :created_by
"""

_LOCK_PARENTS: Final = """
SELECT count(*) FROM (
    SELECT FROM {parent} p
    WHERE p.tenant_id = :tenant_id
      AND p.id IN (SELECT (b.before ->> '{column}')::uuid FROM taken_back b WHERE b.before ? '{column}')
    ORDER BY p.id FOR KEY SHARE
) locked
"""

# FOR UPDATE, not FOR NO KEY UPDATE: nobody may begin to refer to a row that is about to be deleted.
_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM {table} r JOIN taken_back b ON b.row_id = r.id
    WHERE r.tenant_id = :tenant_id
    ORDER BY r.id FOR UPDATE OF r
) locked
"""

# A row still holds what the job wrote exactly when writing that into it again would change nothing.
_LEAVE_ALONE: Final = """
WITH judged AS (
    SELECT b.row_id, r.{label} AS label, r.name,
        CASE
            WHEN r.id IS NULL THEN '{gone}'
            WHEN b.digest <> {digest} THEN '{changed}'
            WHEN b.before IS NULL AND {created} <> b.after THEN '{changed}'
            WHEN b.before IS NULL AND ({referred}) THEN '{referred_to}'
            WHEN b.before IS NULL THEN NULL
            WHEN r IS DISTINCT FROM jsonb_populate_record(r, b.after) THEN '{changed}'
            WHEN {parentless} THEN '{parent_gone}'
            WHEN {held_again} THEN '{referred_to}'
        END AS reason
    FROM taken_back b LEFT JOIN {table} r ON r.tenant_id = :tenant_id AND r.id = b.row_id
), left_alone AS (
    DELETE FROM taken_back b USING judged j WHERE j.row_id = b.row_id AND j.reason IS NOT NULL
)
SELECT coalesce(label, row_id::text) AS label, coalesce(name, '') AS name, reason FROM judged
WHERE reason IS NOT NULL ORDER BY 1
"""

_DELETE: Final = """
DELETE FROM {table} r USING taken_back b WHERE b.before IS NULL AND r.tenant_id = :tenant_id AND r.id = b.row_id
"""

_RESTORE: Final = """
UPDATE {table} r
SET ({columns}) = (SELECT {restored} FROM jsonb_populate_record(r, b.before) p),
    version = r.version + 1, updated_at = :now
FROM taken_back b
WHERE b.before IS NOT NULL AND r.tenant_id = :tenant_id AND r.id = b.row_id
"""

_IMAGES: Final = """
INSERT INTO before_images (tenant_id, job_id, subject, row_id, chunk, before, after)
SELECT :tenant_id, :job_id, :subject, row_id, :chunk, after, before FROM taken_back WHERE before IS NOT NULL
"""

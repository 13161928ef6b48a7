"""Takes back what a file did to users: by the rules of single changes, and without deleting a row that others name."""

from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from adapters.postgres.stores._images import created_image
from adapters.postgres.stores.before_images import PageOfImages
from adapters.postgres.stores.undo_rows import CHANGED as CHANGED_SINCE
from adapters.postgres.stores.undo_rows import GONE, REFERRED_TO, LeftAlone
from adapters.postgres.stores.users_bulk import CHANGED, OWN_ACCOUNT, WRITTEN
from adapters.postgres.transaction import Tx


class TakenBack(NamedTuple):
    """What was done: ids of the users deleted, of those restored, and of those who lost rights; and who stays."""

    deleted: list[UUID]
    restored: list[UUID]
    lost_rights: list[UUID]
    left_alone: list[LeftAlone]


async def undo(
    tx: Tx, page: PageOfImages, *, undone_job: UUID, job_id: UUID, chunk: int, acting: UUID | None
) -> TakenBack:
    """Restore and delete the users of `page`, as the admin `acting`; every change gets an image of this job's own.

    Left alone are those changed or deleted since, created ones who have or had retailers, SRs who hold some and would
    no longer be SRs, and the acting admin, who keeps their rights.
    """
    values = {
        "tenant_id": tx.tenant_id,
        "undone_job": undone_job,
        "job_id": job_id,
        "chunk": chunk,
        "now": tx.now,
        "first": page.first,
        "last": page.last,
        "acting": acting,
    }

    async def run(statement: str) -> sa.CursorResult[Any]:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        return await tx.conn.execute(sa.text(statement), used)

    await run(_TABLE)
    await run(_FILL)
    await run(_LOCK)
    left = [LeftAlone(row.label, row.name, row.reason) for row in await run(_LEAVE_ALONE)]
    deleted = list((await run(_DELETE)).scalars())
    restored = (await run(_RESTORE)).all()
    await run(_IMAGES)
    lost = [*deleted, *(row.id for row in restored if row.loses)]
    return TakenBack(deleted, [row.id for row in restored], lost, left)


_TABLE: Final = """
CREATE TEMPORARY TABLE users_taken_back (row_id uuid PRIMARY KEY, before jsonb, after jsonb) ON COMMIT DROP
"""

_FILL: Final = """
INSERT INTO users_taken_back
SELECT row_id, before, after FROM before_images
WHERE tenant_id = :tenant_id AND job_id = :undone_job AND subject = 'users' AND row_id BETWEEN :first AND :last
"""

_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM users u LEFT JOIN users_taken_back b ON b.row_id = u.id
    WHERE u.tenant_id = :tenant_id AND (b.row_id IS NOT NULL OR u.id = CAST(:acting AS uuid))
    ORDER BY u.id FOR NO KEY UPDATE OF u
) locked
"""

_HOLDS: Final = "EXISTS (SELECT FROM assignments a WHERE a.tenant_id = :tenant_id AND a.sr_id = u.id{open})"

_LEAVE_ALONE: Final = f"""
WITH judged AS (
    SELECT b.row_id, u.login, u.name,
        CASE
            WHEN u.id IS NULL OR u.deleted_at IS NOT NULL THEN '{GONE}'
            WHEN b.before IS NULL AND {created_image("u", WRITTEN)} <> b.after THEN '{CHANGED_SINCE}'
            WHEN b.before IS NOT NULL AND u IS DISTINCT FROM jsonb_populate_record(u, b.after) THEN '{CHANGED_SINCE}'
            WHEN u.id = CAST(:acting AS uuid) AND (b.before IS NULL OR b.before ?| ARRAY['role', 'active'])
                THEN '{OWN_ACCOUNT}'
            WHEN b.before IS NULL AND {_HOLDS.format(open="")} THEN '{REFERRED_TO}'
            WHEN u.role = 'sr' AND b.before ->> 'role' <> 'sr' AND {_HOLDS.format(open=" AND a.ended_at IS NULL")}
                THEN '{REFERRED_TO}'
        END AS reason
    FROM users_taken_back b LEFT JOIN users u ON u.tenant_id = :tenant_id AND u.id = b.row_id
), left_alone AS (
    DELETE FROM users_taken_back b USING judged j WHERE j.row_id = b.row_id AND j.reason IS NOT NULL
)
SELECT coalesce(login, row_id::text) AS label, coalesce(name, '') AS name, reason FROM judged
WHERE reason IS NOT NULL ORDER BY 1
"""  # noqa: S608  our own names

_DELETE: Final = """
UPDATE users u
SET deleted_at = :now, active = false, auth_version = u.auth_version + 1, version = u.version + 1, updated_at = :now
FROM users_taken_back b
WHERE b.before IS NULL AND u.tenant_id = :tenant_id AND u.id = b.row_id
RETURNING u.id
"""

_RESTORE: Final = f"""
UPDATE users u
SET ({", ".join(CHANGED)}) = (SELECT {", ".join(f"p.{column}" for column in CHANGED)}
        FROM jsonb_populate_record(u, b.before) p),
    auth_version = u.auth_version + CASE WHEN b.before ?| ARRAY['role', 'active'] THEN 1 ELSE 0 END,
    version = u.version + 1, updated_at = :now
FROM users_taken_back b
WHERE b.before IS NOT NULL AND u.tenant_id = :tenant_id AND u.id = b.row_id
RETURNING u.id, b.before ?| ARRAY['role', 'active'] AS loses
"""  # noqa: S608  our own names

_IMAGES: Final = """
INSERT INTO before_images (tenant_id, job_id, subject, row_id, chunk, before, after)
SELECT :tenant_id, :job_id, 'users', row_id, :chunk, after, coalesce(before, '{}') FROM users_taken_back
"""

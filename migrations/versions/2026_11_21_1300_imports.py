"""Users may be there before they have a password, and jobs tell their faults by kind with an example of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010_imports"
down_revision = "0009_book_audits"
branch_labels = None
depends_on = None

# Whoever has no password yet is nobody to a login: it is refused like an unknown one, and takes as long.
FIND_LOGINS = """
CREATE OR REPLACE FUNCTION haat_find_logins(wanted_login text, organisation_code text)
RETURNS TABLE (tenant_id uuid, user_id uuid, login text, name text, role text, password_hash text, auth_version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT u.tenant_id, u.id, u.login, u.name, u.role, u.password_hash, u.auth_version
    FROM users u JOIN organisations o ON o.tenant_id = u.tenant_id
    WHERE u.login = wanted_login AND u.deleted_at IS NULL AND u.active {more}
      AND (organisation_code IS NULL OR o.code = organisation_code)
    ORDER BY u.tenant_id LIMIT 16
$$
"""


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=True)
    op.execute(FIND_LOGINS.format(more="AND u.password_hash IS NOT NULL"))
    for table in ("jobs", "chunks"):
        op.add_column(table, sa.Column("fault_groups", postgresql.JSONB(), server_default="[]", nullable=False))


def downgrade() -> None:
    """Take back; what has no password gets one that nobody knows."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("chunks", "jobs"):
        op.drop_column(table, "fault_groups")
    op.execute(FIND_LOGINS.format(more=""))
    op.execute("UPDATE users SET password_hash = '' WHERE password_hash IS NULL")
    op.alter_column("users", "password_hash", existing_type=sa.Text(), nullable=False)

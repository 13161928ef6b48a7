"""Jobs have results, are listed by whoever submitted them and when, share workers fairly, and go in the end."""

import sqlalchemy as sa
from alembic import op

revision = "0008_exports"
down_revision = "0007_retention"
branch_labels = None
depends_on = None

LISTED = ["state", "kind", "submitted_at", "id"]


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("jobs", sa.Column("result_key", sa.Text(), nullable=True))
    op.create_index("ix_jobs_listed", "jobs", ["tenant_id", *LISTED])
    op.create_index("ix_jobs_listed_by_submitter", "jobs", ["tenant_id", "submitted_by", *LISTED])
    op.create_index("ix_jobs_bare", "jobs", ["finished_at"], postgresql_where=sa.text("NOT results_kept"))
    op.drop_index("ix_jobs_state", table_name="jobs")
    op.drop_index("ix_jobs_kind", table_name="jobs")
    op.create_index("ix_chunks_finished_at", "chunks", ["finished_at"])


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("ix_chunks_finished_at", table_name="chunks")
    op.create_index("ix_jobs_kind", "jobs", ["tenant_id", "kind", "id"])
    op.create_index("ix_jobs_state", "jobs", ["tenant_id", "state", "id"])
    op.drop_index("ix_jobs_bare", table_name="jobs", postgresql_where=sa.text("NOT results_kept"))
    op.drop_index("ix_jobs_listed_by_submitter", table_name="jobs")
    op.drop_index("ix_jobs_listed", table_name="jobs")
    op.drop_column("jobs", "result_key")

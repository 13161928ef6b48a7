"""Files fill users and distributors too: workers may tell the planner what is in them."""

from alembic import op

revision = "0015_statistics_of_people"
down_revision = "0014_admin_search"
branch_labels = None
depends_on = None

TABLES = "users, distributors"


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"GRANT MAINTAIN ON {TABLES} TO haat_worker")


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"REVOKE MAINTAIN ON {TABLES} FROM haat_worker")

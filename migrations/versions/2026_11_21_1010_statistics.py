"""Workers may refresh the planner's statistics of the tables that jobs fill."""

from alembic import op

revision = "0006_statistics"
down_revision = "0005_retailer_search"
branch_labels = None
depends_on = None

TABLES = "retailers, assignments, regions, areas, territories, before_images, books, book_entries"


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"GRANT MAINTAIN ON {TABLES} TO haat_worker")


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"REVOKE MAINTAIN ON {TABLES} FROM haat_worker")

"""Assignments may be planned for a later day and lend retailers until another; long lists of retailers have a place."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013_planned_assignments"
down_revision = "0012_compact_images"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"
TABLES = ("loans", "named_retailers")


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("jobs", sa.Column("starts_on", sa.Date(), nullable=True))
    op.add_column("jobs", sa.Column("returns_on", sa.Date(), nullable=True))
    op.add_column("jobs", sa.Column("return_of", sa.Uuid(), nullable=True))
    op.create_index("ix_jobs_planned", "jobs", ["starts_on"], postgresql_where=sa.text("phase = 'planned'"))
    op.create_table(
        "loans",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("retailer_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("lender_id", sa.Uuid(), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "assignment_id"],
            ["assignments.tenant_id", "assignments.id"],
            name=op.f("fk_loans_tenant_id_assignment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "job_id", "retailer_id", name=op.f("pk_loans")),
    )
    op.create_index("ix_loans_assignment", "loans", ["tenant_id", "assignment_id"])
    op.create_table(
        "named_retailers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("uids", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "job_id"],
            ["jobs.tenant_id", "jobs.id"],
            name=op.f("fk_named_retailers_tenant_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "job_id", name=op.f("pk_named_retailers")),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for role in ("haat_admin", "haat_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")
            op.execute(f"CREATE POLICY {role} ON {table} TO {role} USING ({TENANT}) WITH CHECK ({TENANT})")
    # Whether a planned job is due depends on the organisation's zone.
    op.execute("GRANT SELECT (time_zone) ON organisations TO haat_relay")


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("REVOKE SELECT (time_zone) ON organisations FROM haat_relay")
    for table in TABLES:
        op.drop_table(table)
    op.drop_index("ix_jobs_planned", table_name="jobs", postgresql_where=sa.text("phase = 'planned'"))
    for column in ("return_of", "returns_on", "starts_on"):
        op.drop_column("jobs", column)

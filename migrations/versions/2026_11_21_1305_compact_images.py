"""What bulk jobs create and move is remembered chunk by chunk, in arrays; deleting a retailer finds its assignments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_compact_images"
down_revision = "0011_offline_push"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"
TABLES = ("created_rows", "moved_retailers")

# The columns, and their order, are those that imports give to a retailer that they create.
DIGEST = """hash_record_extended(
    ROW(p.uid, p.name, p.phone, p.territory_id, p.distributor_id, p.routes, p.points, p.notes, p.lat, p.lng, p.active),
    0)"""
CREATED = f"""
INSERT INTO created_rows (tenant_id, job_id, subject, chunk, ids, digests)
SELECT i.tenant_id, i.job_id, 'retailers', i.chunk, array_agg(i.row_id ORDER BY i.row_id),
       array_agg({DIGEST} ORDER BY i.row_id)
FROM before_images i CROSS JOIN LATERAL jsonb_populate_record(NULL::retailers, i.after) p
WHERE i.subject = 'retailers' AND i.before IS NULL AND i.after ? 'uid'
GROUP BY i.tenant_id, i.job_id, i.chunk
"""
MOVED = """
INSERT INTO moved_retailers (tenant_id, job_id, chunk, retailer_ids, holders, targets)
SELECT tenant_id, job_id, chunk, array_agg(row_id ORDER BY row_id),
       array_agg((before ->> 'sr_id')::uuid ORDER BY row_id), array_agg((after ->> 'sr_id')::uuid ORDER BY row_id)
FROM before_images WHERE subject = 'assignments'
GROUP BY tenant_id, job_id, chunk
"""
COMPACTED = """
DELETE FROM before_images
WHERE subject = 'assignments' OR (subject = 'retailers' AND before IS NULL AND after ? 'uid')
"""


def upgrade() -> None:
    """Apply; what jobs have done before can still be undone."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _table(
        "created_rows",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("digests", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        key=("subject", "chunk"),
    )
    _table(
        "moved_retailers",
        sa.Column("chunk", sa.Integer(), nullable=False),
        *(
            sa.Column(name, postgresql.ARRAY(sa.Uuid()), nullable=False)
            for name in ("retailer_ids", "holders", "targets")
        ),
        key=("chunk",),
    )
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for role in ("haat_admin", "haat_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")
            op.execute(f"CREATE POLICY {role} ON {table} TO {role} USING ({TENANT}) WITH CHECK ({TENANT})")
    # Random bits do not compress: trying costs more than writing them.
    op.execute("ALTER TABLE created_rows ALTER ids SET STORAGE EXTERNAL, ALTER digests SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE moved_retailers ALTER retailer_ids SET STORAGE EXTERNAL")
    for statement in (CREATED, MOVED, COMPACTED):
        op.execute(statement)
    # The check of the foreign key when a retailer is deleted cannot use an index of open or of ended rows alone.
    op.create_index("ix_assignments_retailer", "assignments", ["tenant_id", "retailer_id", "started_at"])
    op.drop_index("ix_assignments_history", "assignments")


def _table(name: str, *columns: sa.Column[object], key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["tenant_id", "job_id"],
            ["jobs.tenant_id", "jobs.id"],
            name=op.f(f"fk_{name}_tenant_id_job_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "job_id", *key, name=op.f(f"pk_{name}")),
    )


def downgrade() -> None:
    """Take back; what these tables remember goes with them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ix_assignments_history",
        "assignments",
        ["tenant_id", "retailer_id", "started_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.drop_index("ix_assignments_retailer", "assignments")
    for table in TABLES:
        op.drop_table(table)

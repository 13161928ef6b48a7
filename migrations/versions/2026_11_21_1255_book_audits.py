"""The audit of books goes on where it stopped, and counts what it finds."""

import sqlalchemy as sa
from alembic import op

revision = "0009_book_audits"
down_revision = "0008_exports"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "book_audits",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("reached", sa.Uuid(), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("looked_at", "entries_different", "values_different")
        ),
        sa.Column("audited_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_book_audits"),
        sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"], name="fk_book_audits_tenant_id"),
    )
    op.execute("ALTER TABLE book_audits ENABLE ROW LEVEL SECURITY")
    for role in ("haat_admin", "haat_worker"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON book_audits TO {role}")
        op.execute(f"CREATE POLICY {role} ON book_audits TO {role} USING ({TENANT}) WITH CHECK ({TENANT})")
    # Whose turn it is, and the sums for operators, cross organisations; of an organisation only the key is shown.
    op.execute("GRANT SELECT, INSERT, UPDATE ON book_audits TO haat_relay")
    op.execute("CREATE POLICY haat_relay ON book_audits TO haat_relay USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT (tenant_id) ON organisations TO haat_relay")
    op.execute("CREATE POLICY haat_relay ON organisations FOR SELECT TO haat_relay USING (true)")


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP POLICY haat_relay ON organisations")
    op.execute("REVOKE SELECT (tenant_id) ON organisations FROM haat_relay")
    op.drop_table("book_audits")

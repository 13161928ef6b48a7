"""What is old enough can be found and deleted; nothing that is younger can be, by anybody's mistake."""

import sqlalchemy as sa
from alembic import op

revision = "0007_retention"
down_revision = "0006_statistics"
branch_labels = None
depends_on = None

# The relay's role crosses organisations: it is shown the expired rows only, and not what stands in them.
EXPIRED = {
    "idempotency_keys": (
        "tenant_id, user_id, method, path, key, created_at",
        "created_at < now() - interval '30 days'",
    ),
    "sessions": (
        "tenant_id, id, ended_at, expires_at",
        "LEAST(ended_at, expires_at) < now() - interval '30 days'",
    ),
}


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for kept in ("work_files_kept", "results_kept"):
        op.add_column("jobs", sa.Column(kept, sa.Boolean(), server_default=sa.true(), nullable=False))
        op.create_index(f"ix_jobs_{kept}", "jobs", ["finished_at"], postgresql_where=sa.text(kept))
    op.create_index("ix_outbox_relayed", "outbox", ["created_at"], postgresql_where=sa.text("relayed_at IS NOT NULL"))
    op.create_index("ix_sessions_over", "sessions", [sa.text("LEAST(ended_at, expires_at)")])
    for table, (columns, expired) in EXPIRED.items():
        op.execute(f"GRANT SELECT ({columns}), DELETE ON {table} TO haat_relay")
        op.execute(f"CREATE POLICY haat_relay ON {table} FOR SELECT TO haat_relay USING ({expired})")
        op.execute(f"CREATE POLICY haat_relay_delete ON {table} FOR DELETE TO haat_relay USING ({expired})")


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, (columns, _) in EXPIRED.items():
        op.execute(f"DROP POLICY haat_relay ON {table}")
        op.execute(f"DROP POLICY haat_relay_delete ON {table}")
        op.execute(f"REVOKE SELECT ({columns}), DELETE ON {table} FROM haat_relay")
    op.drop_index("ix_sessions_over", table_name="sessions")
    op.drop_index("ix_outbox_relayed", table_name="outbox", postgresql_where=sa.text("relayed_at IS NOT NULL"))
    for kept in ("results_kept", "work_files_kept"):
        op.drop_index(f"ix_jobs_{kept}", table_name="jobs", postgresql_where=sa.text(kept))
        op.drop_column("jobs", kept)

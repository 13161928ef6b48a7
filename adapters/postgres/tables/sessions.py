"""Sessions: one row per login, ended by a logout, a disabling, a new role or a new password."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, tenant_reference, tenant_table, uuid_column

sessions = tenant_table(
    "sessions",
    uuid_column("id"),
    uuid_column("user_id"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("auth_version", sa.BigInteger, nullable=False),
    # Refresh tokens are derived from (session, generation); only the newest generation may be used.
    sa.Column("generation", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("rotated_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("created_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_reason", sa.Text),
    tenant_reference("user_id", "users"),
    sa.Index("ix_sessions_tenant_id_user_id", "tenant_id", "user_id", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("ix_sessions_over", sa.text("LEAST(ended_at, expires_at)")),
)

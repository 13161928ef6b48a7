"""Idempotency keys: the first answer to a request, kept so that a repetition changes nothing."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, tenant_reference, tenant_table, uuid_column

idempotency_keys = tenant_table(
    "idempotency_keys",
    uuid_column("user_id"),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("result", sa.LargeBinary),
    sa.Column("created_at", Instant, nullable=False, server_default=sa.func.now()),
    tenant_reference("user_id", "users"),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
    key=("user_id", "method", "path", "key"),
)

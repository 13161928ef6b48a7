"""Pushed changes: what phones have sent after hours without a network, kept so that a repetition changes nothing."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.metadata import Instant, tenant_reference, tenant_table, uuid_column

# Not jsonb: what a phone sent may hold U+0000, which only text that nobody takes apart can carry.
AsSent = postgresql.JSON(none_as_null=True)

pushed_changes = tenant_table(
    "pushed_changes",
    uuid_column("sr_id"),
    uuid_column("id"),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Text),
    sa.Column("error", AsSent),
    sa.Column("pushed_at", Instant, nullable=False, server_default=sa.func.now()),
    tenant_reference("sr_id", "users"),
    sa.Index("ix_pushed_changes_pushed_at", "pushed_at"),
    key=("sr_id", "id"),
)

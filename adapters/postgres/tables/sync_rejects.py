"""Sync rejects: changes that an SR's phone has pushed and that were not made, kept for the admin."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, tenant_reference, tenant_table, uuid_column
from adapters.postgres.tables.pushed_changes import AsSent

sync_rejects = tenant_table(
    "sync_rejects",
    uuid_column("id"),
    uuid_column("sr_id"),
    uuid_column("change_id", nullable=True),
    # As it was sent: the retailer may be somebody else's, or none.
    uuid_column("retailer_id", nullable=True),
    sa.Column("base_version", sa.BigInteger),
    sa.Column("fields", AsSent),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("errors", AsSent),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("rejected_at", Instant, nullable=False, server_default=sa.func.now()),
    tenant_reference("sr_id", "users"),
    # The same change is kept once, however often it is sent.
    sa.UniqueConstraint("tenant_id", "sr_id", "digest"),
    sa.Index("ix_sync_rejects_tenant_id_sr_id_id", "tenant_id", "sr_id", "id"),
    sa.Index("ix_sync_rejects_tenant_id_retailer_id_id", "tenant_id", "retailer_id", "id"),
    sa.Index("ix_sync_rejects_rejected_at", "rejected_at"),
)

"""Assignments: which SR has which retailer, from when until when."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, tenant_reference, tenant_table, uuid_column

_OPEN = sa.text("ended_at IS NULL")

assignments = tenant_table(
    "assignments",
    uuid_column("id"),
    uuid_column("retailer_id"),
    uuid_column("sr_id"),
    sa.Column("started_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("ended_at", Instant),
    tenant_reference("retailer_id", "retailers"),
    tenant_reference("sr_id", "users"),
    sa.CheckConstraint("ended_at >= started_at", name="order"),
    sa.Index("uq_assignments_open", "tenant_id", "retailer_id", unique=True, postgresql_where=_OPEN),
    sa.Index("ix_assignments_open_by_sr", "tenant_id", "sr_id", "retailer_id", postgresql_where=_OPEN),
    # Whole, since no partial index serves the check of the foreign key when a retailer is deleted.
    sa.Index("ix_assignments_retailer", "tenant_id", "retailer_id", "started_at"),
)

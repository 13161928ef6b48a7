"""Organisations: the tenants of this installation."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, metadata, uuid_column

organisations = sa.Table(
    "organisations",
    metadata,
    uuid_column("tenant_id"),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("time_zone", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("tenant_id"),
    sa.UniqueConstraint("code"),
)

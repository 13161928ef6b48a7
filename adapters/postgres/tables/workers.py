"""The background processes that are alive, for the operator and for jobs that wait."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, Json, metadata, uuid_column

workers = sa.Table(
    "workers",
    metadata,
    uuid_column("id"),
    sa.Column("kind", sa.Text, nullable=False),  # worker, relay
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("concurrency", sa.Integer, nullable=False, server_default="1"),
    sa.Column("doing", Json, nullable=False, server_default="[]"),
    sa.Column("started_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("seen_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("id"),
)

"""The outbox: what happened, written with what it changed, and its deliveries to subscribers."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, Json, tenant_table, uuid_column

outbox = tenant_table(
    "outbox",
    uuid_column("id"),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("payload", Json, nullable=False),
    # What the transaction touched that may show in a book; null when nothing does.
    sa.Column("touches", Json),
    sa.Column("request_id", sa.Text),
    uuid_column("actor_id", nullable=True),
    sa.Column("created_at", Instant, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column("relayed_at", Instant),
    sa.Column("rendered_at", Instant),
    sa.Index("ix_outbox_relayed", "created_at", postgresql_where=sa.text("relayed_at IS NOT NULL")),
    sa.Index("ix_outbox_unrelayed", "created_at", postgresql_where=sa.text("relayed_at IS NULL")),
    sa.Index(
        "ix_outbox_unrendered",
        "created_at",
        postgresql_where=sa.text("touches IS NOT NULL AND rendered_at IS NULL"),
    ),
)

deliveries = tenant_table(
    "deliveries",
    uuid_column("event_id"),
    sa.Column("subscriber", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="pending"),  # pending, done, dead
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.Column("last_error", sa.Text),
    sa.Column("done_at", Instant),
    sa.ForeignKeyConstraint(["tenant_id", "event_id"], ["outbox.tenant_id", "outbox.id"], ondelete="CASCADE"),
    sa.CheckConstraint("state IN ('pending', 'done', 'dead')", name="state"),
    sa.Index("ix_deliveries_pending", "next_attempt_at", postgresql_where=sa.text("state = 'pending'")),
    sa.Index("ix_deliveries_dead", "tenant_id", "event_id", postgresql_where=sa.text("state = 'dead'")),
    key=("event_id", "subscriber"),
)

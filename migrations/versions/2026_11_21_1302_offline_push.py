"""Offline push: when each field an SR may change last changed, which pushed changes are known, and which refused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011_offline_push"
down_revision = "0010_imports"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"
ME = "(SELECT nullif(current_setting('haat.user_id', true), '')::uuid)"
FIELDS = ("points", "routes", "notes")
# A phone may try again for half a year.
KEPT = {"pushed_changes": ("tenant_id, sr_id, id, pushed_at", "pushed_at"),
        "sync_rejects": ("tenant_id, id, rejected_at", "rejected_at")}  # fmt: skip

# {field: [the version it last changed at, by whom (null: by a job), the last version at which somebody else than
# they had changed it]}. A trigger, so that no writer can forget it; no function of its own, whose calls would cost as
# much as the rest. It runs only for rows in which one of the fields differs.
KEEP = """
CREATE FUNCTION haat_keep_field_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := nullif(current_setting('haat.user_id', true), '');
    kept jsonb := coalesce(OLD.field_changes, '{}');
    before bigint := CASE WHEN kept ? 'unknown' THEN OLD.version ELSE 0 END;
BEGIN
    %s
    NEW.field_changes := kept;
    RETURN NEW;
END $$
"""
KEEP_ONE = """
    IF NEW.{field} IS DISTINCT FROM OLD.{field} THEN
        kept := jsonb_set(kept, '{{{field}}}', jsonb_build_array(NEW.version, who, CASE
            WHEN kept #>> '{{{field},1}}' = who THEN (kept #> '{{{field},2}}')::bigint
            ELSE coalesce((kept #> '{{{field},0}}')::bigint, before)
        END));
    END IF;"""
DIFFERS = " OR ".join(f"OLD.{field} IS DISTINCT FROM NEW.{field}" for field in FIELDS)


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Of retailers that are there already nobody knows what changed when: marked without rewriting the table.
    op.execute("""ALTER TABLE retailers ADD COLUMN field_changes jsonb DEFAULT '{"unknown": true}'""")
    op.execute("ALTER TABLE retailers ALTER COLUMN field_changes DROP DEFAULT")
    op.execute(KEEP % "".join(KEEP_ONE.format(field=field) for field in FIELDS))
    op.execute(
        f"CREATE TRIGGER keep_field_changes BEFORE UPDATE OF {', '.join(FIELDS)} ON retailers"
        f" FOR EACH ROW WHEN ({DIFFERS}) EXECUTE FUNCTION haat_keep_field_changes()"
    )
    _pushed_changes()
    _sync_rejects()
    for table, (columns, since) in KEPT.items():
        expired = f"{since} < now() - interval '180 days'"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT ({columns}), DELETE ON {table} TO haat_relay")
        op.execute(f"CREATE POLICY haat_relay ON {table} FOR SELECT TO haat_relay USING ({expired})")
        op.execute(f"CREATE POLICY haat_relay_delete ON {table} FOR DELETE TO haat_relay USING ({expired})")
    own = f"{TENANT} AND sr_id = {ME}"
    op.execute("GRANT SELECT, INSERT ON pushed_changes TO haat_sr")
    op.execute("GRANT UPDATE (status, error) ON pushed_changes TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr ON pushed_changes TO haat_sr USING ({own}) WITH CHECK ({own})")
    op.execute("GRANT INSERT ON sync_rejects TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr ON sync_rejects FOR INSERT TO haat_sr WITH CHECK ({own})")
    op.execute("GRANT SELECT ON sync_rejects TO haat_admin")
    op.execute(f"CREATE POLICY haat_admin ON sync_rejects FOR SELECT TO haat_admin USING ({TENANT})")


def _pushed_changes() -> None:
    op.create_table(
        "pushed_changes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("sr_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("error", postgresql.JSON(none_as_null=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sr_id"], ["users.tenant_id", "users.id"], name=op.f("fk_pushed_changes_tenant_id_sr_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "sr_id", "id", name=op.f("pk_pushed_changes")),
    )
    op.create_index("ix_pushed_changes_pushed_at", "pushed_changes", ["pushed_at"])


def _sync_rejects() -> None:
    op.create_table(
        "sync_rejects",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sr_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=True),
        sa.Column("retailer_id", sa.Uuid(), nullable=True),
        sa.Column("base_version", sa.BigInteger(), nullable=True),
        sa.Column("fields", postgresql.JSON(none_as_null=True), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("errors", postgresql.JSON(none_as_null=True), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sr_id"], ["users.tenant_id", "users.id"], name=op.f("fk_sync_rejects_tenant_id_sr_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sync_rejects")),
        sa.UniqueConstraint("tenant_id", "sr_id", "digest", name=op.f("uq_sync_rejects_tenant_id_sr_id_digest")),
    )
    op.create_index("ix_sync_rejects_tenant_id_sr_id_id", "sync_rejects", ["tenant_id", "sr_id", "id"])
    op.create_index("ix_sync_rejects_tenant_id_retailer_id_id", "sync_rejects", ["tenant_id", "retailer_id", "id"])
    op.create_index("ix_sync_rejects_rejected_at", "sync_rejects", ["rejected_at"])


def downgrade() -> None:
    """Take back."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("sync_rejects")
    op.drop_table("pushed_changes")
    op.execute("DROP TRIGGER keep_field_changes ON retailers")
    op.execute("DROP FUNCTION haat_keep_field_changes()")
    op.drop_column("retailers", "field_changes")

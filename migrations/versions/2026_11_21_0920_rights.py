"""Who may see and change which rows: grants and row-level security.

Enabled, not forced: the owner migrates and serves the definer functions, and logs in for nothing else. The settings
are read through `(SELECT …)`, once per statement; an unset one is '' after a transaction and means "nobody".
"""

from alembic import op

revision = "0003_rights"
down_revision = "0002_tables_of_work"
branch_labels = None
depends_on = None

TENANT = "tenant_id = (SELECT nullif(current_setting('haat.tenant_id', true), '')::uuid)"
ME = "(SELECT nullif(current_setting('haat.user_id', true), '')::uuid)"

TENANT_TABLES = (
    "organisations", "users", "sessions", "regions", "areas", "territories", "distributors", "retailers",
    "assignments", "books", "book_entries", "jobs", "chunks", "leases", "before_images", "outbox", "deliveries",
    "idempotency_keys",
)  # fmt: skip
# What the relay reads across organisations.
RELAYED = ("outbox", "deliveries", "jobs", "chunks", "leases")
# What an SR sees of their organisation, beside their own rows.
SHARED_WITH_SRS = ("organisations", "regions", "areas", "territories", "distributors")
# An array, computed once: as `id = ANY (…)` it is a condition for the primary key's index. The same as EXISTS or IN
# makes every unkeyed statement of an SR read all retailers of the organisation.
MINE = f"""id = ANY (ARRAY(
    SELECT a.retailer_id FROM assignments a WHERE a.{TENANT} AND a.sr_id = {ME} AND a.ended_at IS NULL
))"""


def upgrade() -> None:
    """Nothing is granted to the login itself."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for role in ("haat_admin", "haat_worker"):
            op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")
            op.execute(f"CREATE POLICY {role} ON {table} TO {role} USING ({TENANT}) WITH CHECK ({TENANT})")
    for table in RELAYED:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO haat_relay")
        op.execute(f"CREATE POLICY haat_relay ON {table} TO haat_relay USING (true) WITH CHECK (true)")
    for role in ("haat_worker", "haat_relay"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO {role}")
    op.execute("GRANT SELECT ON workers TO haat_admin")
    op.execute("GRANT TEMPORARY ON DATABASE " + _database() + " TO haat_worker, haat_admin")
    _rights_of_srs()


def _rights_of_srs() -> None:
    for table in SHARED_WITH_SRS:
        op.execute(f"GRANT SELECT ON {table} TO haat_sr")
        op.execute(f"CREATE POLICY haat_sr ON {table} FOR SELECT TO haat_sr USING ({TENANT})")
    op.execute("GRANT SELECT ON users, sessions TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr ON users FOR SELECT TO haat_sr USING ({TENANT} AND id = {ME})")
    op.execute(f"CREATE POLICY haat_sr ON sessions FOR SELECT TO haat_sr USING ({TENANT} AND user_id = {ME})")
    # UPDATE lets an SR lock an assignment of theirs; the check lets them change none.
    op.execute("GRANT SELECT, UPDATE ON assignments TO haat_sr")
    own = f"{TENANT} AND sr_id = {ME}"
    op.execute(f"CREATE POLICY haat_sr ON assignments FOR SELECT TO haat_sr USING ({own})")
    op.execute(f"CREATE POLICY haat_sr_lock ON assignments FOR UPDATE TO haat_sr USING ({own}) WITH CHECK (false)")
    op.execute("GRANT SELECT ON retailers TO haat_sr")
    op.execute("GRANT UPDATE (points, routes, notes, version, updated_at) ON retailers TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr ON retailers FOR SELECT TO haat_sr USING ({TENANT} AND {MINE})")
    op.execute(f"CREATE POLICY haat_sr_update ON retailers FOR UPDATE TO haat_sr USING ({TENANT} AND {MINE})")
    for table in ("books", "book_entries"):
        op.execute(f"GRANT SELECT ON {table} TO haat_sr")
        op.execute(f"CREATE POLICY haat_sr ON {table} FOR SELECT TO haat_sr USING ({own})")
    op.execute("GRANT INSERT ON outbox TO haat_sr")
    op.execute(f"CREATE POLICY haat_sr ON outbox FOR INSERT TO haat_sr WITH CHECK ({TENANT} AND actor_id = {ME})")
    op.execute("GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO haat_sr")
    op.execute(
        f"CREATE POLICY haat_sr ON idempotency_keys TO haat_sr"
        f" USING ({TENANT} AND user_id = {ME}) WITH CHECK ({TENANT} AND user_id = {ME})"
    )


def _database() -> str:
    name = op.get_bind().exec_driver_sql("SELECT quote_ident(current_database())").scalar_one()
    return str(name)


def downgrade() -> None:
    """Rights go with their tables."""

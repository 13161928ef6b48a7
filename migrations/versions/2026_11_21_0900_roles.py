"""The kinds of rights: one database role for each, and the login that may take them on."""

from alembic import op

revision = "0001_roles"
down_revision = None
branch_labels = None
depends_on = None

ROLES = ("haat_sr", "haat_admin", "haat_worker", "haat_relay")


def upgrade() -> None:
    """Make what is missing: roles belong to the whole server and may have been made for another database."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    for role in ROLES:
        _create(role, "NOLOGIN NOINHERIT")
    _create("haat_app", "LOGIN NOINHERIT")
    for role in ROLES:
        # INHERIT FALSE: the login has no rights of its own until a transaction becomes one of the roles.
        op.execute(f"GRANT {role} TO haat_app WITH INHERIT FALSE, SET TRUE")
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def downgrade() -> None:
    """The roles stay: another database of the server may need them."""


def _create(role: str, options: str) -> None:
    op.execute(
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} {options}; END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- somebody else made it just now
        END $$
        """
    )

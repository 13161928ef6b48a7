"""Users: admins and sales representatives."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, instants, row_version, tenant_table, uuid_column

users = tenant_table(
    "users",
    uuid_column("id"),
    sa.Column("login", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    # Null: there, and named in lists, but nobody can log in before an admin has set a password.
    sa.Column("password_hash", sa.Text),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    # Grows whenever sessions made earlier must end: a new password, another role, a disabling.
    sa.Column("auth_version", sa.BigInteger, nullable=False, server_default="1"),
    row_version(),
    *instants(),
    sa.Column("deleted_at", Instant),
    sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"]),
    sa.CheckConstraint("role IN ('admin', 'sr')", name="role"),
    sa.Index(
        "uq_users_tenant_id_login", "tenant_id", "login", unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    ),
    sa.Index("ix_users_login", "login", postgresql_where=sa.text("deleted_at IS NULL")),
    sa.Index("ix_users_tenant_id_name_id", "tenant_id", "name", "id"),
)

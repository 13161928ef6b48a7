"""The one MetaData, and the shape every tenant's table shares."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = sa.DateTime(timezone=True)
# None is SQL's NULL, never JSON's null: `touches IS NULL` has to mean that nothing was touched.
Json = postgresql.JSONB(none_as_null=True)


def uuid_column(name: str, *, nullable: bool = False) -> sa.Column[object]:
    """A UUID column; the database's own type, a `uuid.UUID` in Python."""
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def instants() -> tuple[sa.Column[object], sa.Column[object]]:
    """`created_at` and `updated_at`, instants in UTC."""
    return (
        sa.Column("created_at", Instant, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", Instant, nullable=False, server_default=sa.func.now()),
    )


def row_version() -> sa.Column[object]:
    """`version` starts at 1 and only grows; it is what `If-Match` compares."""
    return sa.Column("version", sa.BigInteger, nullable=False, server_default="1")


def tenant_table(name: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...] = ("id",)) -> sa.Table:
    """A table whose primary key starts with `tenant_id`, followed by `key`."""
    return sa.Table(
        name,
        metadata,
        uuid_column("tenant_id"),
        *parts,
        sa.PrimaryKeyConstraint("tenant_id", *key),
    )


def tenant_reference(column: str, target: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """A foreign key to `target.id` that stays inside the organisation."""
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{target}.tenant_id", f"{target}.id"],
        ondelete=ondelete,
    )


def named_tenant_table(name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    """A tenant's table of things with a unique `code` and a `name`, listed by name."""
    return tenant_table(
        name,
        uuid_column("id"),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *parts,
        row_version(),
        *instants(),
        sa.UniqueConstraint("tenant_id", "code"),
        sa.Index(f"ix_{name}_tenant_id_name_id", "tenant_id", "name", "id"),
    )

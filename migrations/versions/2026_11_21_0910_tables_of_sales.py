"""Who sells what to whom: organisations, people, the tree, retailers and who has them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_tables_of_sales"
down_revision = "0001_roles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _organisations()
    _distributors()
    _regions()
    _users()
    _areas()
    _sessions()
    _territories()
    _retailers()
    _assignments()


def _organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("code", name=op.f("uq_organisations_code")),
    )


def _distributors() -> None:
    op.create_table(
        "distributors",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"], name=op.f("fk_distributors_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_distributors")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_distributors_tenant_id_code")),
    )
    op.create_index("ix_distributors_tenant_id_name_id", "distributors", ["tenant_id", "name", "id"], unique=False)


def _regions() -> None:
    op.create_table(
        "regions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"], name=op.f("fk_regions_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_regions")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_regions_tenant_id_code")),
    )
    op.create_index("ix_regions_tenant_id_name_id", "regions", ["tenant_id", "name", "id"], unique=False)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("auth_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'sr')", name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"], name=op.f("fk_users_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_users")),
    )
    op.create_index("ix_users_login", "users", ["login"], unique=False, postgresql_where=sa.text("deleted_at IS NULL"))
    op.create_index("ix_users_tenant_id_name_id", "users", ["tenant_id", "name", "id"], unique=False)
    op.create_index(
        "uq_users_tenant_id_login",
        "users",
        ["tenant_id", "login"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _areas() -> None:
    op.create_table(
        "areas",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "region_id"], ["regions.tenant_id", "regions.id"], name=op.f("fk_areas_tenant_id_region_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_areas")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_areas_tenant_id_code")),
    )
    op.create_index("ix_areas_tenant_id_name_id", "areas", ["tenant_id", "name", "id"], unique=False)
    op.create_index("ix_areas_tenant_id_region_id", "areas", ["tenant_id", "region_id"], unique=False)


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("auth_version", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name=op.f("fk_sessions_tenant_id_user_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sessions")),
    )
    op.create_index(
        "ix_sessions_tenant_id_user_id",
        "sessions",
        ["tenant_id", "user_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _territories() -> None:
    op.create_table(
        "territories",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("area_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "area_id"], ["areas.tenant_id", "areas.id"], name=op.f("fk_territories_tenant_id_area_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_territories")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_territories_tenant_id_code")),
    )
    op.create_index("ix_territories_tenant_id_area_id", "territories", ["tenant_id", "area_id"], unique=False)
    op.create_index("ix_territories_tenant_id_name_id", "territories", ["tenant_id", "name", "id"], unique=False)


def _retailers() -> None:
    op.create_table(
        "retailers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("territory_id", sa.Uuid(), nullable=False),
        sa.Column("distributor_id", sa.Uuid(), nullable=True),
        sa.Column("routes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("points", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lng", sa.Double(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name_key", sa.Text(), sa.Computed("lower(normalize(name, NFC))", persisted=True), nullable=True),
        sa.Column("phone_tail", sa.Text(), sa.Computed("reverse(phone)", persisted=True), nullable=True),
        sa.CheckConstraint("(lat IS NULL) = (lng IS NULL)", name=op.f("ck_retailers_position")),
        sa.CheckConstraint("points >= 0", name=op.f("ck_retailers_points")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "distributor_id"],
            ["distributors.tenant_id", "distributors.id"],
            name=op.f("fk_retailers_tenant_id_distributor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "territory_id"],
            ["territories.tenant_id", "territories.id"],
            name=op.f("fk_retailers_tenant_id_territory_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_retailers")),
        sa.UniqueConstraint("tenant_id", "uid", name=op.f("uq_retailers_tenant_id_uid")),
    )
    op.create_index(
        "ix_retailers_inactive",
        "retailers",
        ["tenant_id", "name", "id"],
        unique=False,
        postgresql_where=sa.text("NOT active AND deleted_at IS NULL"),
    )
    op.create_index("ix_retailers_routes", "retailers", ["routes"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_retailers_name_key_trigrams",
        "retailers",
        ["name_key"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_retailers_tenant_id_distributor_id",
        "retailers",
        ["tenant_id", "distributor_id", "name", "id"],
        unique=False,
        postgresql_where=sa.text("distributor_id IS NOT NULL"),
    )
    op.create_index(
        "ix_retailers_tenant_id_name_id",
        "retailers",
        ["tenant_id", "name", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("ix_retailers_tenant_id_phone_tail", "retailers", ["tenant_id", "phone_tail"], unique=False)
    op.create_index(
        "ix_retailers_tenant_id_territory_id", "retailers", ["tenant_id", "territory_id", "name", "id"], unique=False
    )


def _assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("retailer_id", sa.Uuid(), nullable=False),
        sa.Column("sr_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_assignments_order")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "retailer_id"],
            ["retailers.tenant_id", "retailers.id"],
            name=op.f("fk_assignments_tenant_id_retailer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sr_id"], ["users.tenant_id", "users.id"], name=op.f("fk_assignments_tenant_id_sr_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_assignments")),
    )
    op.create_index(
        "ix_assignments_history",
        "assignments",
        ["tenant_id", "retailer_id", "started_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_assignments_open_by_sr",
        "assignments",
        ["tenant_id", "sr_id", "retailer_id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "uq_assignments_open",
        "assignments",
        ["tenant_id", "retailer_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    """Take back; indexes go with their tables."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in (
        "assignments",
        "retailers",
        "territories",
        "sessions",
        "areas",
        "users",
        "regions",
        "distributors",
        "organisations",
    ):
        op.drop_table(table)

"""Retailers: the small shops everything here is about."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.metadata import Instant, Json, instants, row_version, tenant_reference, tenant_table, uuid_column

_LIVE = sa.text("deleted_at IS NULL")

retailers = tenant_table(
    "retailers",
    uuid_column("id"),
    sa.Column("uid", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    uuid_column("territory_id"),
    uuid_column("distributor_id", nullable=True),
    sa.Column("routes", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("points", sa.Integer, nullable=False, server_default="0"),
    sa.Column("notes", sa.Text),
    sa.Column("lat", sa.Double),
    sa.Column("lng", sa.Double),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    row_version(),
    *instants(),
    sa.Column("deleted_at", Instant),
    # Kept by a trigger: when, and by whom, each field that SRs may change last changed.
    sa.Column("field_changes", Json),
    # Search keys are stored: under row-level security no function of a column can use an index.
    sa.Column("name_key", sa.Text, sa.Computed("lower(normalize(name, NFC))", persisted=True)),
    sa.Column("phone_tail", sa.Text, sa.Computed("reverse(phone)", persisted=True)),
    tenant_reference("territory_id", "territories"),
    tenant_reference("distributor_id", "distributors"),
    sa.UniqueConstraint("tenant_id", "uid"),
    sa.CheckConstraint("points >= 0", name="points"),
    sa.CheckConstraint("(lat IS NULL) = (lng IS NULL)", name="position"),
    sa.Index("ix_retailers_tenant_id_name_id", "tenant_id", "name", "id", postgresql_where=_LIVE),
    sa.Index("ix_retailers_tenant_id_territory_id", "tenant_id", "territory_id", "name", "id"),
    sa.Index(
        "ix_retailers_tenant_id_distributor_id",
        "tenant_id",
        "distributor_id",
        "name",
        "id",
        postgresql_where=sa.text("distributor_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_retailers_inactive",
        "tenant_id",
        "name",
        "id",
        postgresql_where=sa.text("NOT active AND deleted_at IS NULL"),
    ),
    sa.Index("ix_retailers_routes", "routes", postgresql_using="gin"),
    sa.Index("ix_retailers_tenant_id_phone_tail", "tenant_id", "phone_tail"),
    sa.Index(
        "ix_retailers_name_key_trigrams",
        "name_key",
        postgresql_using="gin",
        postgresql_ops={"name_key": "gin_trgm_ops"},
    ),
)

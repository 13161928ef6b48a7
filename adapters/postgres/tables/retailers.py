"""Retailers: the small shops everything here is about."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from adapters.postgres.metadata import Instant, Json, instants, row_version, tenant_reference, tenant_table, uuid_column

_LIVE = sa.text("deleted_at IS NULL")
# The name in small letters, and around each character a letter for the range of first characters that it begins with:
# see migration 0014_admin_search, which says why.
_NAME_PAIRS = (
    "regexp_replace("
    "CASE WHEN octet_length(name) = length(name) THEN lower(name) ELSE lower(normalize(name, NFC)) END, '', "
    "substr('ABCDEFGHIJKLMNOPQRSTU', 1 + width_bucket(ascii(name),"
    " '{65,67,69,74,77,78,80,83,84,97,2432,2455,2468,2472,2474,2478,2479,2486,2489,2560}'::integer[]), 1), 'g')"
)

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
    sa.Column("name_pairs", sa.Text, sa.Computed(_NAME_PAIRS, persisted=True)),
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
        "ix_retailers_name_pairs",
        "name_pairs",
        postgresql_using="gin",
        postgresql_ops={"name_pairs": "gin_trgm_ops"},
    ),
)

# The live retailers that nobody has: kept by triggers on both tables, so that a list of a few does not ask all of them.
unassigned_retailers = tenant_table("unassigned_retailers", uuid_column("retailer_id"), key=("retailer_id",))

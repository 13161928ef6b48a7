"""Areas: parts of a region."""

import sqlalchemy as sa

from adapters.postgres.metadata import named_tenant_table, tenant_reference, uuid_column

areas = named_tenant_table(
    "areas",
    uuid_column("region_id"),
    tenant_reference("region_id", "regions"),
    sa.Index("ix_areas_tenant_id_region_id", "tenant_id", "region_id"),
)

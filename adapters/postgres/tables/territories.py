"""Territories: parts of an area; retailers belong to one."""

import sqlalchemy as sa

from adapters.postgres.metadata import named_tenant_table, tenant_reference, uuid_column

territories = named_tenant_table(
    "territories",
    uuid_column("area_id"),
    tenant_reference("area_id", "areas"),
    sa.Index("ix_territories_tenant_id_area_id", "tenant_id", "area_id"),
)

"""Regions: the top of the tree every retailer hangs in."""

import sqlalchemy as sa

from adapters.postgres.metadata import named_tenant_table

regions = named_tenant_table(
    "regions",
    sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"]),
)

"""Distributors: who delivers to the retailers."""

import sqlalchemy as sa

from adapters.postgres.metadata import named_tenant_table

distributors = named_tenant_table(
    "distributors",
    sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"]),
)

"""How rows find what they refer to."""

from typing import Any

import sqlalchemy as sa


def belongs_to(reference: sa.Column[Any], table: sa.Table) -> sa.ColumnElement[bool]:
    """The row of `table`, in the same organisation, that `reference` names."""
    return sa.and_(table.c.tenant_id == reference.table.c.tenant_id, table.c.id == reference)

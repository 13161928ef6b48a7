"""How far the audit of each organisation's books has come, and what it has found so far."""

import sqlalchemy as sa

from adapters.postgres.metadata import Instant, tenant_table, uuid_column


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


book_audits = tenant_table(
    "book_audits",
    # The next look goes on behind this SR; null begins with the first.
    uuid_column("reached", nullable=True),
    _count("looked_at"),
    _count("entries_different"),
    _count("values_different"),
    sa.Column("audited_at", Instant, nullable=False, server_default=sa.func.now()),
    sa.ForeignKeyConstraint(["tenant_id"], ["organisations.tenant_id"]),
    key=(),
)

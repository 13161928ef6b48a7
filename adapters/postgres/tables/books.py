"""Books: what each SR has been sent, entry by entry, with the version that sent it."""

import sqlalchemy as sa

from adapters.postgres.metadata import tenant_table, uuid_column

books = tenant_table(
    "books",
    uuid_column("sr_id"),
    # The server's timeline in the upper 32 bits, rebuilds in the lower: it only grows.
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    key=("sr_id",),
)

# No foreign key to retailers: deleting a retailer must leave its tombstone here.
book_entries = tenant_table(
    "book_entries",
    uuid_column("sr_id"),
    uuid_column("retailer_id"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("doc", sa.Text, nullable=False),
    sa.Column("present", sa.Boolean, nullable=False),
    sa.Index("ix_book_entries_version", "tenant_id", "sr_id", "version", "retailer_id"),
    key=("sr_id", "retailer_id"),
)

"""Temporary tables that the rows of a file are copied into: COPY into a table under row-level security is refused."""

from collections.abc import Sequence

import sqlalchemy as sa

from adapters.postgres.copy import copy_csv
from adapters.postgres.transaction import Tx


async def stage_rows(tx: Tx, table: str, columns: Sequence[tuple[str, str]], csv: bytes, *, key: str) -> None:
    """Copy the rows into the temporary table `table`; `columns` are names and PostgreSQL types, `key` is looked up."""
    definitions = ", ".join(f"{name} {kind}" for name, kind in columns)
    await tx.conn.execute(sa.text(f"CREATE TEMPORARY TABLE {table} ({definitions}) ON COMMIT DROP"))
    await copy_csv(tx, table, [name for name, _ in columns], csv)
    await tx.conn.execute(sa.text(f"CREATE INDEX ON {table} ({key})"))
    await tx.conn.execute(sa.text(f"ANALYZE {table}"))

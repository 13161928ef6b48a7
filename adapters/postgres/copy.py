"""COPY inside our transaction.

SQLAlchemy's asyncpg dialect begins a transaction with its first statement, so a COPY sent to the driver before
that would commit by itself. Taking a `Tx` makes that impossible: becoming the actor was its first statement.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.transaction import Tx

# Whatever the planner believes of tables that have just been filled: a nested loop over 400 territories made an export
# of all retailers five times slower than the hash joins that fit every list as a whole; sorting in memory helps too.
# A list that its reader takes slowly is one long statement: the reader ends it when it is no longer wanted.
_FOR_MANY_ROWS = sa.text(
    "SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true),"
    " set_config('statement_timeout', '0', true)"
)


async def copy_csv(tx: Tx, table: str, columns: Sequence[str], source: IO[bytes] | AsyncIterable[bytes] | bytes) -> int:
    """Load CSV (no header; an empty unquoted cell is NULL) into `table`; the number of rows."""
    connection = await _connection(tx)
    if isinstance(source, bytes):
        source = _once(source)
    status: str = await connection.copy_to_table(table, source=source, columns=list(columns), format="csv")
    return int(status.removeprefix("COPY "))


async def copy_out_csv(tx: Tx, query: str, into: Path) -> int:
    """Write the rows of `query` (without parameters) as CSV, in the same form; the number of rows."""
    connection = await _connection(tx)
    status: str = await connection.copy_from_query(query, output=into, format="csv")
    return int(status.removeprefix("COPY "))


async def copy_query(
    conn: AsyncConnection, query: sa.Select[Any], into: Path | Callable[[bytes], Awaitable[None]]
) -> int:
    """Write the rows of `query` as CSV under a header of its labels, in the same form; the number of rows.

    `conn` comes from `reading`. Pieces end anywhere; an exception from `into` ends the query too.
    """
    await conn.execute(_FOR_MANY_ROWS)
    # COPY takes no parameters: the values are written into the text, by the rules of the connected server.
    compiled = query.compile(dialect=conn.dialect, compile_kwargs={"literal_binds": True, "render_postcompile": True})
    connection = await _driver(conn)
    try:
        status: str = await connection.copy_from_query(str(compiled), output=into, format="csv", header=True)
    except BaseException:
        # The driver asks the server to stop and then waits for it to say so, for ever when it was through already.
        await conn.invalidate()
        raise
    return int(status.removeprefix("COPY "))


async def _connection(tx: Tx) -> Any:  # noqa: ANN401  asyncpg publishes no types
    return await _driver(tx.conn)


async def _driver(conn: AsyncConnection) -> Any:  # noqa: ANN401  the same
    connection = (await conn.get_raw_connection()).driver_connection
    if connection is None or not connection.is_in_transaction():
        message = "COPY outside a transaction"
        raise AssertionError(message)
    return connection


async def _once(data: bytes) -> AsyncIterable[bytes]:
    yield data

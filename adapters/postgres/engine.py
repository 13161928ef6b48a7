"""Connections to PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

# Connection exceptions, too many connections, shutting down or starting up (PostgreSQL manual, appendix A).
_AWAY: Final = ("08", "53", "57")


class DatabaseAwayError(ConnectionError):
    """There is no server, or it takes nobody at the moment."""


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool. Raises DatabaseAwayError: the driver says it in a dozen ways while it connects."""
    async with AsyncExitStack() as stack:
        try:
            conn = await stack.enter_async_context(engine.connect())
        except (OSError, asyncpg.InterfaceError) as error:
            raise DatabaseAwayError(str(error)) from error
        except asyncpg.PostgresError as error:
            if not (error.sqlstate or "").startswith(_AWAY):
                raise
            raise DatabaseAwayError(str(error)) from error
        yield conn


def open_engine(
    url: str, *, application_name: str, pool_size: int = 10, max_overflow: int = 10, statement_timeout_ms: int = 30_000
) -> AsyncEngine:
    """An engine over asyncpg for a libpq-style URL (`postgresql://…`, `?host=` for a socket directory).

    `statement_timeout_ms` bounds every statement; transactions of bulk work set their own.
    """
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args={
            "timeout": 10,
            "prepared_statement_cache_size": 500,
            "server_settings": {
                "application_name": application_name,
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
            },
        },
    )

"""Alembic's environment: the owner's connection, one transaction, short lock waits."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

import adapters.postgres.tables  # noqa: F401  fills the metadata
from adapters.postgres.metadata import metadata


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    url = context.config.attributes.get("database_url") or os.environ["DATABASE_URL"]
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        # One migration at a time, however many processes start at once; released with the connection.
        await connection.execute(text("SELECT pg_advisory_lock(hashtextextended('haat.migrations', 0))"))
        await connection.commit()
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    message = "Haat migrates a running database only: set DATABASE_URL."
    raise SystemExit(message)
asyncio.run(_run())

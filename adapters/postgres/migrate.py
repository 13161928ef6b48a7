"""The schema brought to the newest revision; several starters wait for one another."""

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg
from alembic import command
from alembic.config import Config

CHECKOUT = Path(__file__).resolve().parents[2]


def migrate(database_url: str, *, app_url: str | None = None) -> None:
    """Run every migration that is missing, as the owner of the schema.

    `migrations/env.py` holds an advisory lock meanwhile. A password in `app_url` becomes the password of its role,
    so that a server that was given by DATABASE_URL alone lets the application in.
    """
    config = Config(str(CHECKOUT / "alembic.ini"))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")
    if app_url is not None and (password := urlsplit(app_url).password):
        asyncio.run(_set_password(database_url, urlsplit(app_url).username or "haat_app", unquote(password)))


async def _set_password(database_url: str, role: str, password: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        # ALTER ROLE takes no parameters; format() quotes both.
        statement = await connection.fetchval(
            "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
        )
        await connection.execute(statement)
    finally:
        await connection.close()

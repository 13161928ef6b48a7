"""The installation in the hands of its operator: commands run for an organisation, look-ups across all of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import open_engine
from adapters.postgres.transaction import Announcement
from adapters.settings import Settings
from cli.operator_view import owner_connection
from commands._run import Runner
from domain.shared.actor import Actor


class _RelayRenders:
    """Leaves the books to the relay: what an operator does on the command line waits for no reader."""

    async def after_commit(self, actor: Actor, announced: Sequence[Announcement], *, replayed: bool) -> str:  # noqa: ARG002
        return ""


class Installation(msgspec.Struct, frozen=True):
    """`owner` sees everything and only reads; `runner` writes, under the rights of an organisation."""

    owner: AsyncConnection
    runner: Runner


@asynccontextmanager
async def open_installation(settings: Settings) -> AsyncIterator[Installation]:
    """Raises HaatError when PostgreSQL cannot be reached or has no tables yet."""
    engine = open_engine(settings.database_app_url, application_name="haat-cli", pool_size=1)
    try:
        async with owner_connection(settings.database_url) as owner:
            yield Installation(owner, Runner(engine, _RelayRenders(), _wake_nobody))
    finally:
        await engine.dispose()


async def _wake_nobody() -> None:
    """The relay polls anyway."""

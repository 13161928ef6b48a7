"""`haat alive worker`: whether a background process of this machine is at work, for a container's health check."""

import asyncio
import os
import socket
from typing import Annotated, Literal

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.engine import open_engine
from adapters.settings import load_settings
from queries.health import is_heard_of


def alive(kind: Annotated[Literal["worker", "relay"], typer.Argument(help="Which kind of process.")]) -> None:
    """Ends with 0 when one of this kind was heard of from this host in the last 15 s."""
    try:
        heard = asyncio.run(_is_heard_of(kind))
    except (SQLAlchemyError, OSError) as error:
        Console(stderr=True).print(f"PostgreSQL cannot be asked: {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if not heard:
        Console(stderr=True).print(f"No {kind} of {socket.gethostname()} was heard of in the last 15 s.")
        raise typer.Exit(1)


async def _is_heard_of(kind: str) -> bool:
    settings = load_settings(os.environ)
    engine = open_engine(settings.database_app_url, application_name="haat-cli", pool_size=1)
    try:
        return await is_heard_of(engine, kind=kind, host=socket.gethostname())
    finally:
        await engine.dispose()

"""`haat seed`: the demo organisation, from nothing to an SR's first page, on a stack that runs."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from adapters.settings import Settings
from cli.http_client import HaatError
from cli.installation import open_installation
from cli.operator_actions import operator_settings
from cli.sign_in import Url, plain_errors

DEFAULT_RETAILERS = 100_000


def seed(
    url: Url,
    retailers: Annotated[
        int | None,
        typer.Option(min=1, max=10_000_000, help="How many retailers; without it HAAT_DEMO_RETAILERS, or 100,000."),
    ] = None,
) -> None:
    """Make the demo organisation, or take up an interrupted one where it stopped."""
    console = Console()
    with plain_errors(Console(stderr=True)):
        settings = operator_settings()
        wanted = retailers or settings.demo_retailers or DEFAULT_RETAILERS
        if not demonstrate(settings, url, console, retailers=wanted):
            message = "The demo is made on an empty database only, and this one has an organisation already."
            raise HaatError(message)


def demonstrate(settings: Settings, url: str, console: Console, *, retailers: int) -> bool:
    """Shows the main job on the demo organisation; False when it is none of this database's business.

    Raises HaatError when a step fails: whatever serves goes on serving, and the next call goes on from there.
    """
    if settings.is_production:
        message = "HAAT_ENV=production holds no demo data."
        raise HaatError(message)
    if not retailers:
        return False
    # Polars takes a third of a second to load, which no other command should wait for.
    from cli.demo.flow import run_demo, sr_count
    from cli.demo.founding import found_demo

    async def found() -> bool:
        async with open_installation(settings) as installation:
            return await found_demo(installation, srs=sr_count(retailers), beside=settings.organisation)

    if not asyncio.run(found()):
        return False
    run_demo(url, retailers=retailers, home=settings.home / "demo", console=console)
    return True

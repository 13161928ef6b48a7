"""`haat rebuild`: render books again, from PostgreSQL into Redis, for operators."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import msgspec
import sqlalchemy as sa
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import open_engine
from adapters.postgres.tables.books import books
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.users import users
from adapters.published_books import PublishedBooks
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews, ViewsAway
from adapters.settings import Settings
from cli.http_client import HaatError
from cli.operator_actions import operator_settings
from cli.operator_view import owner_connection
from cli.sign_in import plain_errors
from commands.books.render_books import BATCHES_AT_ONCE, BOOKS_PER_STATEMENT, BookRenderer
from domain.users import canonical_login

# Of the bar.
_BOOKS_A_STEP = BATCHES_AT_ONCE * BOOKS_PER_STATEMENT


class Shelf(msgspec.Struct, frozen=True):
    """The books of one organisation that are to be rebuilt."""

    tenant_id: UUID
    organisation: str
    sr_ids: tuple[UUID, ...]


def rebuild(
    *,
    organisation: Annotated[str | None, typer.Option(help="The code of one organisation; without it all.")] = None,
    sr: Annotated[str | None, typer.Option("--sr", help="The login of one SR; without it all.")] = None,
    new_epoch: Annotated[
        bool, typer.Option("--new-epoch", help="Every client starts over: after a restore from a backup.")
    ] = False,
) -> None:
    """Render books again and put them into Redis; harmless at any time."""
    out = Console()
    with plain_errors(Console(stderr=True)):
        count = asyncio.run(_rebuild(operator_settings(), organisation, sr, new_epoch=new_epoch, out=out))
        out.print(f"{count} book{'' if count == 1 else 's'} rebuilt.", highlight=False)


async def _rebuild(
    settings: Settings, organisation: str | None, sr: str | None, *, new_epoch: bool, out: Console
) -> int:
    async with owner_connection(settings.database_url) as owner:
        shelves = await _find(owner, organisation, sr)
    total = sum(len(shelf.sr_ids) for shelf in shelves)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with _renderer(settings) as renderer:
        with Progress(*columns, console=out, transient=True) as progress:
            task = progress.add_task("books", total=total)
            for shelf in shelves:
                progress.update(task, description=escape(shelf.organisation))
                for start in range(0, len(shelf.sr_ids), _BOOKS_A_STEP):
                    batch = shelf.sr_ids[start : start + _BOOKS_A_STEP]
                    await _render(renderer, shelf.tenant_id, batch, new_epoch=new_epoch)
                    progress.advance(task, len(batch))
    return total


async def _render(renderer: BookRenderer, tenant_id: UUID, sr_ids: Sequence[UUID], *, new_epoch: bool) -> None:
    try:
        await renderer.render(tenant_id, sr_ids, new_epoch=new_epoch)
    except ViewsAway as error:
        cause = error.__cause__ or error
        message = (
            f"Redis (REDIS_READ_URL) does not answer: {cause}. The rows in PostgreSQL are rebuilt as far as the bar"
            " came; run it again when Redis is back."
        )
        raise HaatError(message) from error


@asynccontextmanager
async def _renderer(settings: Settings) -> AsyncIterator[BookRenderer]:
    engine = open_engine(settings.database_app_url, application_name="haat-rebuild", pool_size=2)
    pool = StampedPool(settings.redis_read_url, max_connections=2, timeout=2)
    try:
        yield BookRenderer(engine, PublishedBooks(engine, BookViews(pool)))
    finally:
        await pool.close()
        await engine.dispose()


async def _find(owner: AsyncConnection, organisation: str | None, sr: str | None) -> list[Shelf]:
    """The SRs that are meant, deleted ones with a book included: their devices may still hold a copy."""
    readers = sa.union(
        sa.select(users.c.tenant_id, users.c.id).where(users.c.role == "sr", users.c.deleted_at.is_(None)),
        sa.select(books.c.tenant_id, books.c.sr_id),
    ).subquery("readers")
    query = (
        sa.select(
            organisations.c.tenant_id,
            organisations.c.code.label("organisation"),
            sa.func.array_agg(readers.c.id).label("sr_ids"),
        )
        .join(readers, readers.c.tenant_id == organisations.c.tenant_id)
        .group_by(organisations.c.tenant_id, organisations.c.code)
        .order_by(organisations.c.code)
    )
    if organisation is not None:
        query = query.where(organisations.c.code == organisation)
    if sr is not None:
        login = sa.select(users.c.id).where(
            users.c.tenant_id == readers.c.tenant_id, users.c.id == readers.c.id, users.c.login == canonical_login(sr)
        )
        query = query.where(login.exists())
    rows = (await owner.execute(query)).mappings().all()
    if not rows and (organisation is not None or sr is not None):
        wanted = f"SR {sr}" if sr is not None else "SR"
        where = f" in the organisation {organisation}" if organisation is not None else ""
        message = f"There is no {wanted}{where}."
        raise HaatError(message)
    return [Shelf(row["tenant_id"], row["organisation"], tuple(row["sr_ids"])) for row in rows]

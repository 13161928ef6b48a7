"""How background processes render and audit books."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.published_books import PublishedBooks
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews
from commands.books.audit_books import BookAuditor
from commands.books.render_books import BookRenderer
from domain.shared.actor import Actor


@asynccontextmanager
async def open_renderer(engine: AsyncEngine, redis_read_url: str) -> AsyncIterator[BookRenderer]:
    """A renderer with connections of its own to the Redis of the read models."""
    async with _open_published(engine, redis_read_url) as published:
        yield BookRenderer(engine, published)


@asynccontextmanager
async def open_auditor(engine: AsyncEngine, redis_read_url: str) -> AsyncIterator[BookAuditor]:
    """An auditor likewise."""
    async with _open_published(engine, redis_read_url) as published:
        yield BookAuditor(engine, published, BookRenderer(engine, published))


@asynccontextmanager
async def _open_published(engine: AsyncEngine, redis_read_url: str) -> AsyncIterator[PublishedBooks]:
    pool = StampedPool(redis_read_url, max_connections=8, timeout=1.0)
    try:
        yield PublishedBooks(engine, BookViews(pool))
    finally:
        await pool.close()


class LeftToRelay:
    """The projector of background processes: what their commands touch is rendered by the relay, or by the job."""

    async def after_commit(self, actor: Actor, announced: Sequence[object], *, replayed: bool) -> str:
        """Nobody waits for a version here."""
        del actor, announced, replayed
        return ""

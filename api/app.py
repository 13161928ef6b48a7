"""The HTTP application and all it holds open: the composition root of `haat api`."""

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.body_digests import BodyDigests
from adapters.download_links import DownloadLinks
from adapters.files import open_files
from adapters.logs import configure_logs
from adapters.passwords import Passwords
from adapters.postgres.engine import open_engine
from adapters.published_books import PublishedBooks
from adapters.redis.client import open_redis
from adapters.redis.failed_logins import FailedLogins
from adapters.redis.job_progress import JobProgress
from adapters.redis.request_counts import RequestCounts
from adapters.redis.session_marks import SessionMarks
from adapters.redis.stamped import StampedPool
from adapters.redis.views import BookViews
from adapters.redis.wakeups import wake_relay
from adapters.settings import Settings, load_settings
from adapters.tokens import Tokens
from api.auth import authenticate, check_roles
from api.bodies import MAX_BODY_BYTES, StrictBody
from api.caller import provide_caller
from api.compression import Compressed
from api.edge import Edge
from api.ended_sessions import MarksEndedSessions
from api.errors import EXCEPTION_HANDLERS
from api.haat_version import VersionSeal
from api.openapi import openapi_config
from api.query_parameters import only_known_parameters
from api.request_limits import limit_requests, request_rates
from api.response_cache import ResponseCache
from api.routes import API, OUTSIDE
from api.services import Services
from api.session_verdicts import open_verdicts
from api.stopping import stopping_on_sigterm
from api.stored_answers import StoredAnswers
from commands._run import Runner
from commands.books.follow_commits import BookProjector
from commands.books.render_books import BookRenderer
from commands.books.report_rendered import RenderedReporter
from queries._views import BookReader


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The application behind its edge and cache, ready for an ASGI server; settings come from the environment."""
    settings = settings or load_settings(os.environ)
    configure_logs(level=settings.log_level, json_lines=settings.is_production)
    return fronted(create_litestar(settings))


def fronted(app: Litestar) -> ASGIApp:
    """The routes behind all that holds for every answer: whoever is further out sees it later."""
    return ResponseCache(Compressed(Edge(app)), app.state)


def create_litestar(settings: Settings) -> Litestar:
    """The routes over their services, without the edge."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            yield

    return assemble(lifespan)


def assemble(*lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]]) -> Litestar:
    """Every route, with what holds for all of them; without a lifespan it can be looked at, not called."""
    app = Litestar(
        route_handlers=[Router("/api/v1", route_handlers=list(API)), *OUTSIDE],
        lifespan=list(lifespan),
        dependencies={"caller": Provide(provide_caller)},
        dto=StrictBody,
        return_dto=None,
        middleware=[authenticate, limit_requests, only_known_parameters],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi_config(),
        request_max_body_size=MAX_BODY_BYTES,
        state=State(),
    )
    check_roles(app)
    return app


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Everything that the process holds open, closed in the opposite order."""
    engine = open_engine(settings.database_app_url, application_name="haat-api")
    queue = open_redis(settings.redis_url)
    views = open_redis(settings.redis_read_url)
    seal = VersionSeal(settings.jwt_keys)
    pool = StampedPool(settings.redis_read_url)
    stored = StoredAnswers(pool, limit=settings.response_cache_bytes)
    books, projector = _open_books(settings, engine, PublishedBooks(engine, BookViews(pool), stored.announced), seal)
    marks = SessionMarks(queue)
    passwords = Passwords()
    try:
        async with (
            stopping_on_sigterm() as stopping,
            open_verdicts(settings.database_app_url, marks) as sessions,
            RequestCounts(views, request_rates(settings.limits)).merged() as counts,
            stored.kept_right() as answers,
        ):
            marking = MarksEndedSessions(projector, sessions, marks)
            yield Services(
                engine=engine,
                runner=Runner(engine, marking, functools.partial(wake_relay, queue)),
                queue=queue,
                views=views,
                books=books,
                answers=answers,
                seal=seal,
                tokens=Tokens(settings.jwt_keys),
                body_digests=BodyDigests(settings.jwt_keys),
                passwords=passwords,
                sessions=sessions,
                failed_logins=FailedLogins(queue, settings.limits.get("login")),
                request_counts=counts,
                files=open_files(settings.storage_url),
                job_progress=JobProgress(queue),
                download_links=DownloadLinks(tuple(key.secret for key in settings.jwt_keys)),
                max_upload_bytes=settings.max_upload_bytes,
                stopping=stopping,
                trusted_proxies=settings.trusted_proxies,
                metrics_token=settings.metrics_token,
                docs_open=settings.docs == "open",
            )
    finally:
        passwords.close()
        await _close(projector.close, books.close, pool.close, views.aclose, queue.aclose, engine.dispose)


def _open_books(
    settings: Settings, engine: AsyncEngine, published: PublishedBooks, seal: VersionSeal
) -> tuple[BookReader, BookProjector]:
    """Who reads books, and who renders them after a commit."""
    renderer = BookRenderer(engine, published)
    reader = BookReader(published, renderer, fallback_reads=settings.fallback_reads)
    return reader, BookProjector(engine, renderer, RenderedReporter(engine), seal.seal)


async def _close(*closings: Callable[[], Awaitable[None]]) -> None:
    for close in closings:
        await close()

"""Everything the environment may say, checked whole before anything starts."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from adapters.environment import Environment, Limit, Network, derived_app_url
from adapters.keys import DEVELOPMENT_KID, JwtKey, development_app_password, development_jwt_keys, parse_jwt_keys

CHECKOUT = Path(__file__).resolve().parents[1]
POSTGRES = ("postgresql", "postgres")
POSTGRES_EXAMPLE = "postgresql://user:password@host:5432/haat"
REDIS = ("redis", "rediss", "unix")
REDIS_EXAMPLE = "redis://host:6379/0 or unix:///path/redis.sock?db=0"
JWT_EXAMPLE = '{"keys": [{"kty": "oct", "kid": "2026-11", "alg": "HS256", "k": "<32 random bytes in base64url>"}]}'
DEFAULT_LIMITS = "login=20/minute,refresh=60/minute,read=6000/minute,write=1200/minute,upload=120/hour"
SHORTEST_PASSWORD = 12
SHORTEST_TOKEN = 16


class SettingsError(Exception):
    """One message that names every bad value and says what is expected."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__("\n".join([f"{count} wrong:", *(f"  {problem}" for problem in problems)]))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of Haat is told at its start; `.env.example` explains each variable."""

    environment: str
    host: str
    port: int
    home: Path
    database_url: str
    database_app_url: str
    database_replica_url: str | None
    redis_url: str
    redis_read_url: str
    storage_url: str
    jwt_keys: tuple[JwtKey, ...]
    workers: int
    api_workers: int
    demo_retailers: int
    admin_login: str | None
    admin_password: str | None
    organisation: str | None
    max_upload_bytes: int
    response_cache_bytes: int
    fallback_reads: int
    limits: dict[str, Limit]
    trusted_proxies: tuple[Network, ...]
    metrics_token: str | None
    docs: str
    log_level: str

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def url(self) -> str:
        """Where a browser on this machine reaches the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - read, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Settings(environment={self.environment!r}, home={str(self.home)!r}, port={self.port})"


def load_settings(environ: Mapping[str, str], *, before_servers: bool = False, as_owner: bool = False) -> Settings:
    """Read and check all variables; raises one SettingsError that names all that is bad.

    `before_servers` allows missing server addresses: `haat up` fills them in by starting servers. `as_owner` demands
    DATABASE_URL, which migrations and operators need and the processes that serve do not.
    """
    env = Environment(environ)
    production = env.choice("HAAT_ENV", ("development", "production"), "development") == "production"
    home = env.folder("HAAT_HOME", CHECKOUT / ".haat")
    database_url, database_app_url = _databases(env, home, production=production)
    redis_url = env.url("REDIS_URL", REDIS, REDIS_EXAMPLE)
    settings = Settings(
        environment="production" if production else "development",
        host=env.text("HAAT_HOST", "127.0.0.1"),
        port=env.integer("HAAT_PORT", 8000, lowest=1, highest=65535),
        home=home,
        database_url=database_url,
        database_app_url=database_app_url,
        database_replica_url=env.url("DATABASE_REPLICA_URL", POSTGRES, POSTGRES_EXAMPLE),
        redis_url=redis_url or "",
        redis_read_url=env.url("REDIS_READ_URL", REDIS, REDIS_EXAMPLE) or redis_url or "",
        storage_url=env.url("HAAT_STORAGE_URL", ("file", "s3"), "file:///folder or s3://bucket/prefix")
        or (home / "files").as_uri(),
        jwt_keys=_jwt_keys(env, home, production=production),
        workers=env.integer("HAAT_WORKERS", 2, lowest=0, highest=1000),
        api_workers=env.integer("HAAT_API_WORKERS", 1, lowest=1, highest=256),
        demo_retailers=env.integer("HAAT_DEMO_RETAILERS", 0 if production else 100_000, lowest=0, highest=10_000_000),
        admin_login=env.optional("HAAT_ADMIN_LOGIN"),
        admin_password=env.optional("HAAT_ADMIN_PASSWORD"),
        organisation=env.optional("HAAT_ORGANISATION"),
        max_upload_bytes=env.size("HAAT_MAX_UPLOAD_BYTES", 2 * 1024**3, lowest=1024),
        response_cache_bytes=env.size("HAAT_RESPONSE_CACHE_BYTES", 256 * 1024**2, lowest=0),
        fallback_reads=env.integer("HAAT_FALLBACK_READS", 16, lowest=1, highest=1000),
        limits=env.limits("HAAT_LIMITS", DEFAULT_LIMITS),
        trusted_proxies=env.networks("HAAT_TRUSTED_PROXIES"),
        metrics_token=env.optional("HAAT_METRICS_TOKEN"),
        docs=env.choice("HAAT_DOCS", ("open", "login"), "login" if production else "open"),
        log_level=env.choice("HAAT_LOG_LEVEL", ("debug", "info", "warning", "error"), "info"),
    )
    _check_servers(env, settings, before_servers=before_servers, as_owner=as_owner)
    _check_secrets(env, settings)
    if env.problems:
        raise SettingsError(env.problems)
    return settings


def _databases(env: Environment, home: Path, *, production: bool) -> tuple[str, str]:
    """The owner's address and the application's; the second follows from the first on a development machine."""
    owner = env.url("DATABASE_URL", POSTGRES, POSTGRES_EXAMPLE) or ""
    application = env.url("DATABASE_APP_URL", POSTGRES, POSTGRES_EXAMPLE) or ""
    if owner and not env.optional("DATABASE_APP_URL"):
        if production:
            env.refuse("DATABASE_APP_URL", "required in production: the same database for the login haat_app")
        else:
            application = derived_app_url(owner, development_app_password(home))
    return owner, application


def _jwt_keys(env: Environment, home: Path, *, production: bool) -> tuple[JwtKey, ...]:
    given = env.optional("HAAT_JWT_KEYS")
    if given is None and production:
        env.refuse("HAAT_JWT_KEYS", f"required in production: {JWT_EXAMPLE}")
        return ()
    try:
        keys = parse_jwt_keys(given or development_jwt_keys(home))
    except ValueError as error:
        env.refuse("HAAT_JWT_KEYS", f"expected {JWT_EXAMPLE}, but: {error}")
        return ()
    if production and any(key.kid.startswith(DEVELOPMENT_KID) for key in keys):
        env.refuse("HAAT_JWT_KEYS", "holds a key that a development machine made; production needs its own")
    return keys


def _check_servers(env: Environment, settings: Settings, *, before_servers: bool, as_owner: bool) -> None:
    missing = [name for name, value in (("REDIS_URL", settings.redis_url),) if not value and not env.optional(name)]
    if not settings.database_url and not env.optional("DATABASE_URL"):
        if not settings.database_app_url and not env.optional("DATABASE_APP_URL"):
            missing.insert(0, "DATABASE_URL")
        elif as_owner or before_servers:
            env.refuse("DATABASE_URL", f"required beside DATABASE_APP_URL here: the schema's owner, {POSTGRES_EXAMPLE}")
    for name in missing:
        if settings.is_production:
            env.refuse(name, "required in production, which starts no embedded servers")
        elif not before_servers:
            env.refuse(name, "not set, and no `haat up` runs in this HAAT_HOME: start it (make run), or set it")


def _check_secrets(env: Environment, settings: Settings) -> None:
    first_admin = (settings.admin_login, settings.admin_password, settings.organisation)
    if any(first_admin) and not all(first_admin):
        env.refuse("HAAT_ADMIN_LOGIN, HAAT_ADMIN_PASSWORD, HAAT_ORGANISATION", "set all three or none")
    if settings.admin_password is not None and len(settings.admin_password) < SHORTEST_PASSWORD:
        env.refuse("HAAT_ADMIN_PASSWORD", f"expected at least {SHORTEST_PASSWORD} characters")
    if settings.metrics_token is not None and len(settings.metrics_token) < SHORTEST_TOKEN:
        env.refuse("HAAT_METRICS_TOKEN", f"expected at least {SHORTEST_TOKEN} characters")
    if not settings.is_production:
        return
    if settings.demo_retailers:
        env.refuse("HAAT_DEMO_RETAILERS", "production holds no demo data: leave it out or set 0")
    if settings.docs == "open":
        env.refuse("HAAT_DOCS", "production shows its documentation after a login only: leave it out or set login")
    if settings.storage_url.startswith("file:") and not env.optional("HAAT_STORAGE_URL"):
        env.refuse("HAAT_STORAGE_URL", "required in production: a bucket, or a folder that all processes share")

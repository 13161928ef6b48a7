"""PostgreSQL and Redis for a machine that has neither: started with us, stopped with us, from two wheels."""

from dataclasses import dataclass
from pathlib import Path

from adapters.embedded import postgres as _postgres
from adapters.embedded import redis as _redis
from adapters.embedded.home import EmbeddedError, find_places, forget_places, home_lock, known_places

__all__ = [
    "EmbeddedError",
    "EmbeddedServers",
    "kill_postgres",
    "kill_redis",
    "remove_embedded",
    "running_embedded",
    "start_embedded",
    "start_postgres",
    "start_redis",
    "stop_embedded",
    "stop_postgres",
    "stop_redis",
]


@dataclass(frozen=True, kw_only=True)
class EmbeddedServers:
    """Where the running servers are reached; empty and None for a server that was not asked for."""

    database_url: str
    database_app_url: str
    redis_url: str
    redis_read_url: str
    postgres_pid: int | None
    redis_pid: int | None


def start_embedded(home: Path, *, postgres: bool = True, redis: bool = True, fast: bool = False) -> EmbeddedServers:
    """Start what is asked for, or take over what still runs from a killed start; the URLs stay the same per home.

    `fast` gives up durability and is for tests only. Raises EmbeddedError with the reason and what to do.
    """
    with home_lock(home):
        places = find_places(home)
        postgres_pid = _postgres.start(places, fast=fast) if postgres else None
        redis_pid = _redis.start(places, fast=fast) if redis else None
        return EmbeddedServers(
            database_url=_postgres.url(places, "haat_owner") if postgres else "",
            database_app_url=_postgres.url(places, "haat_app") if postgres else "",
            redis_url=_redis.url(places) if redis else "",
            redis_read_url=_redis.url(places) if redis else "",
            postgres_pid=postgres_pid,
            redis_pid=redis_pid,
        )


def running_embedded(home: Path) -> EmbeddedServers | None:
    """The servers that run in this home now, without starting any; None when none does."""
    places = known_places(home)
    if places is None:
        return None
    postgres_pid, redis_pid = _postgres.running_pid(places), _redis.running_pid(places)
    if postgres_pid is None and redis_pid is None:
        return None
    return EmbeddedServers(
        database_url=_postgres.url(places, "haat_owner") if postgres_pid else "",
        database_app_url=_postgres.url(places, "haat_app") if postgres_pid else "",
        redis_url=_redis.url(places) if redis_pid else "",
        redis_read_url=_redis.url(places) if redis_pid else "",
        postgres_pid=postgres_pid,
        redis_pid=redis_pid,
    )


def stop_embedded(home: Path) -> None:
    """Stop both servers cleanly; those that do not run are left alone."""
    with home_lock(home):
        if (places := known_places(home)) is not None:
            _redis.stop(places)
            _postgres.stop(places)


def remove_embedded(home: Path) -> None:
    """Stop both servers and delete their data for good."""
    with home_lock(home):
        if (places := known_places(home)) is not None:
            _redis.stop(places)
            _postgres.stop(places)
            forget_places(places)


def start_postgres(home: Path, *, fast: bool = False) -> EmbeddedServers:
    return start_embedded(home, redis=False, fast=fast)


def start_redis(home: Path, *, fast: bool = False) -> EmbeddedServers:
    return start_embedded(home, postgres=False, fast=fast)


def stop_postgres(home: Path) -> None:
    with home_lock(home):
        if (places := known_places(home)) is not None:
            _postgres.stop(places)


def stop_redis(home: Path) -> None:
    with home_lock(home):
        if (places := known_places(home)) is not None:
            _redis.stop(places)


def kill_postgres(home: Path) -> None:
    """End PostgreSQL with SIGKILL, as a power cut would."""
    if (places := known_places(home)) is not None:
        _postgres.kill(places)


def kill_redis(home: Path) -> None:
    """End Redis with SIGKILL, as a power cut would."""
    if (places := known_places(home)) is not None:
        _redis.kill(places)

"""Tells a command that finds no server to work on that nothing runs here, rather than which variables are missing."""

from collections.abc import Mapping

import msgspec

from adapters.settings import SettingsError
from cli.processes import leftovers
from cli.stack import DATABASES, QUEUES, home_of, read_stack, running_stack

_SERVERS = tuple(f"{name}:" for name in (*DATABASES, *QUEUES))


class NothingRuns(msgspec.Struct, frozen=True):
    """What is found in this HAAT_HOME, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}\n{self.remedy}"


def nothing_runs(error: SettingsError, environ: Mapping[str, str]) -> NothingRuns | None:
    """None when something else than the servers' addresses is wrong, or when they are somebody's to set."""
    home = home_of(environ)
    named = environ.get("HAAT_ENV") == "production" or any(environ.get(name) for name in DATABASES)
    if named or running_stack(home) or not all(problem.startswith(_SERVERS) for problem in error.problems):
        return None
    left = read_stack(home)
    if left is not None and (names := leftovers(left.children)):
        return NothingRuns(
            f"No `haat up` runs here: one was killed, and left {', '.join(names)} running.",
            "`make run` (or `haat up`) ends what is left and starts everything; or set DATABASE_URL.",
        )
    return NothingRuns("Nothing runs here.", "`make run` (or `haat up`) starts everything; or set DATABASE_URL.")

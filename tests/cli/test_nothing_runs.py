"""Where nothing runs a command says so, and what to do, instead of naming variables."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.stack import Child, Stack, hold_home, write_stack

NOWHERE = dict.fromkeys(("DATABASE_URL", "DATABASE_APP_URL", "REDIS_URL", "REDIS_READ_URL", "HAAT_ENV"), "")
COMMANDS = (["doctor"], ["jobs", "list"], ["workers"], ["migrate"])


def _haat(words: list[str], home: Path, **env: str) -> Result:
    return CliRunner().invoke(app, words, env={**NOWHERE, "HAAT_HOME": str(home), "COLUMNS": "200", **env})


@pytest.fixture(name="orphan")
def _orphan() -> Iterator[Child]:
    """A process as a killed `haat up` leaves it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield Child(name="relay", pid=process.pid, started=psutil.Process(process.pid).create_time())
        process.kill()


@pytest.mark.parametrize("words", COMMANDS)
def test_nothing_runs_is_said_with_how_to_start_it(words: list[str], tmp_path: Path) -> None:
    done = _haat(words, tmp_path)
    assert done.exit_code == 1
    assert "Nothing runs here." in done.output
    assert "`make run` (or `haat up`) starts everything; or set DATABASE_URL." in done.output
    assert "not set" not in done.output


@pytest.mark.parametrize("words", COMMANDS)
def test_what_a_killed_run_left_is_named(words: list[str], tmp_path: Path, orphan: Child) -> None:
    gone = Child(name="api", pid=orphan.pid, started=orphan.started - 3600)
    write_stack(tmp_path, Stack(pid=1, environment={}, children=(gone, orphan)))
    done = _haat(words, tmp_path)
    assert done.exit_code == 1
    assert "one was killed, and left relay running" in done.output
    assert "ends what is left" in done.output


def test_settings_that_are_wrong_are_named_as_before(tmp_path: Path) -> None:
    assert "HAAT_PORT" in _haat(["doctor"], tmp_path, HAAT_PORT="many").output
    alone = _haat(["doctor"], tmp_path, DATABASE_URL="postgresql://owner@127.0.0.1:1/haat").output
    assert "REDIS_URL" in alone
    assert "Nothing runs here" not in alone


def test_a_stack_that_runs_is_not_said_to_be_missing(tmp_path: Path) -> None:
    with hold_home(tmp_path):
        write_stack(tmp_path, Stack(pid=os.getpid(), environment={}))
        assert "Nothing runs here" not in _haat(["doctor"], tmp_path).output

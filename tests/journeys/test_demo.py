"""The newcomer's story: the demo is shown once, goes on after a kill, and costs nothing when it is there."""

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.demo.founding import PASSWORD
from cli.demo.retailers import write_retailers
from tests.architecture.tree import ROOT
from tests.people import Person
from tests.stack import Stack, running_stack, until

pytestmark = pytest.mark.journey
RETAILERS = 3_000


@pytest.fixture(name="stack", scope="module")
def _stack() -> Iterator[Stack]:
    """The demo is made on an empty database only, so it needs an installation of its own."""
    with running_stack() as stack:
        yield stack


@pytest.fixture(name="shown", scope="module")
def _shown(stack: Stack) -> str:
    """The demo, killed in the middle of its import and started again; what the second start has printed."""
    seed = subprocess.Popen(
        [sys.executable, "-m", "cli", "seed", "--retailers", str(RETAILERS), "--url", stack.url],
        cwd=ROOT,
        env=stack.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(
        lambda: seed.poll() is not None or (stack.home / "demo" / "retailers.csv").exists(), what="the import to begin"
    )
    os.kill(seed.pid, signal.SIGKILL)
    seed.wait()
    again = stack.haat("seed", "--retailers", str(RETAILERS), "--url", stack.url)
    assert again.returncode == 0, again.stdout + again.stderr
    return again.stdout


@pytest.fixture(name="admin", scope="module")
def _admin(stack: Stack, shown: str) -> Person:
    assert shown
    return Person(stack.url, "admin@demo.haat", PASSWORD)


def test_every_right_row_is_in_once_and_every_faulty_one_is_rejected(
    admin: Person, stack: Stack, tmp_path: Path
) -> None:
    made = write_retailers(tmp_path / "retailers.csv", retailers=RETAILERS)
    imports = [job for job in admin.every("/jobs", kind="import") if job["counts"]["rejected"]]
    assert len(imports) == 1
    counts = imports[0]["counts"]
    assert (counts["created"], counts["rejected"], counts["not_loaded"]) == (made.good, made.faulty, 0)
    with (stack.home / "demo" / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == made.faulty


def test_all_retailers_are_dealt_out_evenly(admin: Person, stack: Stack) -> None:
    assert admin.get("/retailers", assigned="false")["items"] == []
    assignments = admin.every("/jobs", kind="assignment")
    assert [job["counts"]["rows"] for job in assignments] == [RETAILERS]
    books = [
        len(Person(stack.url, f"sr-{number:05}@demo.haat", PASSWORD).every("/sr/retailers")) for number in (1, 2, 43)
    ]
    assert all(69 <= book <= 70 for book in books)


def test_the_second_start_shows_the_job_the_page_and_the_summary(shown: str) -> None:
    for named in ("import retailers", "assign", "sr-00001@demo.haat logs in", "+8801", "All done in", PASSWORD):
        assert named in shown
    assert "\x1b" not in shown


def test_the_search_finds_shops(shown: str) -> None:
    searched = shown.split("and searches for ", 1)[1]
    word, table = searched.split(":", 1)[0], searched.split("All done in", 1)[0].splitlines()[1:]
    assert any(word in line and "+8801" in line for line in table), searched


def test_a_third_start_only_prints_the_summary(stack: Stack, admin: Person) -> None:
    before = len(admin.every("/jobs"))
    third = stack.haat("seed", "--retailers", str(RETAILERS), "--url", stack.url)
    assert third.returncode == 0, third.stdout + third.stderr
    assert "the demo organisation" in third.stdout
    assert "import retailers" not in third.stdout
    assert len(admin.every("/jobs")) == before

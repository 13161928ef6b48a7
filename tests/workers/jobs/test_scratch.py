"""Temporary files of a killed process do not fill the disk."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from workers.jobs.scratch import clear_left_folders, scratch_folder

HOLD = "from workers.jobs.scratch import scratch_folder\nwith scratch_folder() as f: print(f, flush=True); input()"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_folder_goes_with_its_step() -> None:
    with scratch_folder() as folder:
        (folder / "chunk").write_bytes(b"1")
    assert not folder.exists()


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        clear_left_folders()
        assert folder.is_dir()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert folder.is_dir()
    with scratch_folder():
        assert not folder.exists()

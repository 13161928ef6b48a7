"""Folders for a step's temporary files, which go with the step, or with the next worker when its process was killed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PREFIX: Final = "haat-job-"
_LOCK: Final = ".in-use"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder, deleted at the end; those that killed processes have left go first."""
    clear_left_folders()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def clear_left_folders() -> None:
    """Delete the folders that nobody holds; the kernel lets go of a dead process's lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, just being made, or somebody else's

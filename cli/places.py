"""Where commands save files."""

from pathlib import Path

import typer


def in_folder(to: Path | None) -> Path | None:
    """The place, if its folder is there: better told before an hour's work than after it. For options."""
    if to is not None and not to.absolute().parent.is_dir():
        message = f"there is no folder {to.absolute().parent}; make it, or save somewhere else."
        raise typer.BadParameter(message)
    return to

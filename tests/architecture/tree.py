"""The project's own Python files."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("adapters", "api", "cli", "commands", "domain", "queries", "workers")
# Generated once by Alembic from the tables, read by nobody afterwards: `migrations` is no place to look for rules.
ALL = (*CODE, "tests", "bench")


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below the folders (all of the project's when none is named)."""
    for folder in folders or ALL:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)

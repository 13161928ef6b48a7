"""Whatever is kept in Redis is a view that can be rebuilt from PostgreSQL, or nothing that has to come back."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import CODE, ROOT, python_files

# The beginning of a key -> what brings it back from PostgreSQL, by module and name, and the command for operators.
VIEWS = {"haat:books:": ("commands.books.render_books", "BookRenderer.render", "cli.rebuild", "rebuild")}
# The beginning of a key -> why losing it needs no rebuild.
NO_VIEWS = {
    "failed_logins:": "guesses of the last minutes; each process goes on counting",
    "request_counts:": "requests of the last minutes; each process goes on counting",
    "jobs:progress:": "what a chunk at work last said; it says it again, and the rest stands in PostgreSQL",
    "sessions:": "verdicts for when PostgreSQL is away; put again every ten seconds, marks again by the relay",
}
_KEY = re.compile(r"[a-z_]+(?::[a-z_]+)*:\{?")
_BOOKS = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:books|book_entries)\b|\bFROM books\b[^;]*\bFOR\b")
_BOOKS_HOME = Path("adapters/postgres/stores/books.py")


def key_beginnings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr) and len(node.values) > 1:
            first = node.values[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and _KEY.fullmatch(first.value):
                yield first.value.removesuffix("{")


def named(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_every_key_in_redis_is_a_view_that_can_be_rebuilt_or_needs_no_rebuild() -> None:
    kept = {key for path in python_files("adapters/redis") for key in key_beginnings(path.read_text())}
    assert kept == VIEWS.keys() | NO_VIEWS.keys()
    for module, name, command_module, command in VIEWS.values():
        assert callable(named(module, name))
        assert callable(named(command_module, command))


def test_a_new_view_is_found() -> None:
    source = 'def _key(tenant_id, day):\n    return f"haat:visits:{{{tenant_id}:{day}}}"\n'
    assert list(key_beginnings(source)) == ["haat:visits:"]


def strangers(path: Path, source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _BOOKS.search(node.value):
            yield f"{path}:{node.lineno}: books are written and locked by {_BOOKS_HOME} alone"


def test_only_the_renderer_writes_and_locks_books() -> None:
    paths = [path.relative_to(ROOT) for path in python_files(*CODE)]
    found = [one for path in paths if path != _BOOKS_HOME for one in strangers(path, (ROOT / path).read_text())]
    assert found == []
    writers = {"lock_books(", "merge_documents("}
    callers = {
        str(path) for path in paths if path != _BOOKS_HOME and any(one in (ROOT / path).read_text() for one in writers)
    }
    assert callers == {"commands/books/render_books.py"}


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM book_entries WHERE sr_id = :sr_id",
        "SELECT sr_id FROM books WHERE tenant_id = :tenant_id FOR SHARE",
        "UPDATE books SET version = version + 1",
    ],
)
def test_a_strange_writer_is_found(query: str) -> None:
    assert list(strangers(Path("adapters/postgres/stores/users.py"), f"QUERY = {query!r}"))

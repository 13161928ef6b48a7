"""Modules stay small enough to be read in one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, python_files

FUNCTION_LINES = 45
GENERIC_NAMES = {"utils", "common", "helpers", "base", "core", "manager"}


def cap(path: Path) -> int:
    """The most lines that a file at `path` may have."""
    match path.parts[0]:
        case "commands" | "queries":
            return 200
        case "api" if path.parts[1:2] == ("routes",):
            return 300
        case _:
            return 400


def faults(path: Path, source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > cap(path):
        yield f"{path}: {lines} lines, at most {cap(path)}: split it by use case"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
    if set(path.with_suffix("").parts) & GENERIC_NAMES:
        yield f"{path}: a generic name says nothing about what is in it"


def test_every_file_and_function_is_small() -> None:
    assert [fault for path in python_files() for fault in faults(path.relative_to(ROOT), path.read_text())] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("commands/retailers/big.py", "x = 1\n" * 201),
        ("api/routes/big.py", "x = 1\n" * 301),
        ("domain/big.py", "x = 1\n" * 401),
        ("domain/long.py", "def long():\n" + "    x = 1\n" * 45),
        ("domain/utils.py", ""),
        ("domain/helpers/money.py", ""),
    ],
)
def test_a_big_file_a_long_function_or_a_generic_name_is_found(path: str, source: str) -> None:
    assert list(faults(Path(path), source))

"""Every rule of the book names tests that exist, and how they were seen to fail."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT

PAGE = ROOT / "docs/book-rules.md"
_HEAD = {"rule", "---"}
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def faults(page: str) -> Iterator[str]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    for row in rows:
        if row[0] in _HEAD:
            continue
        if len(row) != 3 or not all(row):
            yield f"{row[0]}: a rule, its tests, and what was broken to see them fail"
            continue
        tests = _TEST.findall(row[1])
        if not tests or _TEST.sub("", row[1]).strip(" ,"):
            yield f"{row[0]}: tests are named as `tests/….py::test_…`"
        yield from (f"{row[0]}: there is no {path}::{test}" for path, test in tests if test not in named_in(path))


def named_in(path: str) -> set[str]:
    if not (ROOT / path).exists():
        return set()
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_rule_of_the_book_has_tests_that_exist() -> None:
    page = PAGE.read_text()
    assert page.count("\n| ") > 50
    assert list(faults(page)) == []


@pytest.mark.parametrize(
    "row",
    [
        "| a rule | `tests/architecture/test_book_rules.py::test_nothing` | it is dropped |",
        "| a rule | `tests/nowhere.py::test_nothing` | it is dropped |",
        "| a rule | none | it is dropped |",
        "| a rule | `tests/architecture/test_book_rules.py::test_a_rule_without_a_test_is_found` | |",
    ],
)
def test_a_rule_without_a_test_is_found(row: str) -> None:
    assert list(faults(row))

"""The guide for admins names every kind, every column and every fault that there is, and none that there is not."""

import ast
import re
from collections.abc import Iterator

import pytest

from domain import imports, phones
from domain.shared import text
from domain.users import HAS_SPACES
from tests.architecture.tree import ROOT
from workers.imports.kinds import Kind
from workers.imports.registry import KINDS

GUIDE = (ROOT / "docs/imports.md").read_text()
_ROW = re.compile(r"^\| `(\w+)` \| ?([^|]*)", re.MULTILINE)
# Constants that are no codes.
_NO_CODES = {imports.CLEAR}


def section(title: str) -> str:
    """What stands between this heading and the next one."""
    return re.split(r"^#+ ", GUIDE.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def refusals(source: str) -> Iterator[str]:
    """The codes that FileRefused is made with."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FileRefused":
            yield ast.literal_eval(node.args[0])


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_columns(kind: Kind) -> None:
    told = [(name, needed.strip()) for name, needed in _ROW.findall(section(kind.name))]
    assert told == [
        (one.name, "always" if one.required else "to create" if one.needed_to_create else "") for one in kind.columns
    ]


def test_every_kind_has_its_section() -> None:
    assert re.findall(r"^### (\w+)$", GUIDE.split("## The kinds")[1].split("\n## ")[0], re.MULTILINE) == list(KINDS)


def test_faults_of_rows() -> None:
    codes = {
        value
        for name, value in vars(imports).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }
    known = (codes - _NO_CODES) | {text.NOT_ADMISSIBLE, text.TOO_LONG, phones.NOT_A_PHONE, HAS_SPACES}
    assert {name for name, _ in _ROW.findall(section("Faults of rows"))} == known


def test_faults_of_files() -> None:
    known = set(refusals((ROOT / "domain/imports.py").read_text()))
    assert {name for name, _ in _ROW.findall(section("Faults of files"))} == known


def test_its_picture_is_there_and_small() -> None:
    (name,) = re.findall(r"!\[[^\]]+\]\(([\w.-]+)\)", GUIDE)
    assert 0 < (ROOT / "docs" / name).stat().st_size < 200_000

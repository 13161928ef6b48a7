"""The documentation is true: the generated page is up to date, and every path that the README names exists."""

import re
import runpy

from tests.architecture.tree import ROOT

_CODE = re.compile(r"`([^`\n]+)`|\]\(([^)#\s]+)\)")
_PATHLIKE = re.compile(r"[\w.-]+(/[\w.{}-]+)+/?|[\w-]+\.(md|py|toml|yml|example)|Procfile|Makefile")
# Made on the user's machine, not in the tree.
_MADE = (".venv/", ".haat", "api/v1", "bench/results/")


def missing_paths(text: str) -> list[str]:
    named = {one or other for one, other in _CODE.findall(text)}
    paths = {one for one in named if _PATHLIKE.fullmatch(one) and not one.startswith(_MADE)}
    return sorted(one for one in paths if not (ROOT / one).exists() and not (ROOT / "docs" / one).exists())


def test_every_path_that_the_pages_name_exists() -> None:
    for page in ("README.md", "docs/architecture.md", "docs/operations.md"):
        assert missing_paths((ROOT / page).read_text()) == []


def test_a_missing_path_is_found() -> None:
    assert missing_paths("see `domain/nowhere.py` and [this](docs/nothing.md)") == [
        "docs/nothing.md",
        "domain/nowhere.py",
    ]


def test_the_page_of_capabilities_is_what_the_code_says() -> None:
    made = runpy.run_path(str(ROOT / "docs/capabilities.py"))["page"]()
    assert (ROOT / "docs/capabilities.md").read_text() == made, "run `make docs`"

"""What somebody may have meant: named when it is near and one of few, and never dearer than a second per file."""

from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from domain.imports import FileRefused
from tests.workers.imports.conftest import TERRITORIES
from workers.imports import suggestions
from workers.imports.headers import read_header
from workers.imports.kinds import Setting
from workers.imports.references import Srs, Territories
from workers.imports.registry import KINDS
from workers.imports.split import split_file
from workers.imports.suggestions import Suggestions, near_misses

KNOWN = {name.casefold(): name for name in ("Mirpur-10", "Uttara-3", "Dhaka North", "Dhaka South")}


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("mirpr-10", ("Mirpur-10",)),
        ("dhaka nouth", ("Dhaka North", "Dhaka South")),
        ("atlantis", ()),
    ],
)
def test_near_misses(value: str, meant: tuple[str, ...]) -> None:
    assert near_misses(value, KNOWN) == meant


def test_of_many_equally_near_codes_none_is_named() -> None:
    codes = {f"sr-{number:05d}@haat.test": f"sr-{number:05d}@haat.test" for number in range(50)}
    assert near_misses("sr-0000x@haat.test", codes) == ()


def test_a_value_is_guessed_once_and_large_lists_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(suggestions, "_COMPARISONS", 12)

    def guess(value: str, _: object) -> tuple[str, ...]:
        asked.append(value)
        return ("x",)

    monkeypatch.setattr(suggestions, "near_misses", guess)
    some = Suggestions(KNOWN)
    assert [some.of(value) for value in ("a", "b", "a", "c", "d", "a")] == [("x",)] * 4 + [(), ("x",)]
    assert asked == ["a", "b", "c"]


def test_parents_are_suggested_too() -> None:
    names = ["id", "code", "name", "area_code", "area_name", "region_code", "region_name"]
    territories = Territories(pl.DataFrame(TERRITORIES, schema=dict.fromkeys(names, pl.String), orient="row"))
    _, (area, region) = territories.resolve(("MIR-10", "Dhaka Nort", "Daka"))
    assert area.message == "Territory Mirpur-10 belongs to area Dhaka North, not Dhaka Nort: did you mean Dhaka North?"
    assert region.message.endswith("not Daka: did you mean Dhaka?")


def test_only_those_who_may_have_retailers_are_suggested_as_srs() -> None:
    rows = [("1", "rahima@a.test", "sr", "true"), ("2", "rahimb@a.test", "admin", "true")]
    srs = Srs(pl.DataFrame(rows, schema=["id", "login", "role", "active"], orient="row"))
    assert srs.resolve(("rahima@a.test",)) == ("1", ())
    assert srs.resolve(("rahim@a.test",))[1][0].message == "There is no user rahim@a.test: did you mean rahima@a.test?"


def test_columns_are_suggested() -> None:
    header = read_header(["uid", "phnoe", "Shoe Size"], ["uid", "phone", "name"], ["uid"])
    assert header.warnings == ("Unknown columns were ignored: phnoe, Shoe Size. Did you mean phone by phnoe?",)
    with pytest.raises(FileRefused, match=r"lacks the column sr_login; .* Did you mean SR Logn for sr_login\?"):
        read_header(["uid", "SR Logn"], ["uid", "sr_login"], ["uid", "sr_login"])


def test_a_cover_sheet_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Cover").write_row(0, 0, ["Shops of March"])
        book.add_worksheet("Shops").write_row(0, 0, ["uid", "name"])
    with pytest.raises(
        FileRefused, match=r"lacks the column uid.* Only the first sheet with data is read, here Cover:"
    ):
        split_file(path, kind=KINDS["retailers"], into=tmp_path, setting=Setting(country="BD"))

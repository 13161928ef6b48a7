"""Rules about single cells: text that is admitted, formulas that are guarded; whole columns follow the same rules."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.shared.spreadsheets import guarded, unguarded
from domain.shared.text import MAX_NOTES_LENGTH, NOT_ADMISSIBLE, TOO_LONG, canonical_code, shown, text_fault
from workers.imports import cells

ANYTHING = st.text() | st.text(st.sampled_from("'=+-@\t\r0.5a"), max_size=8)


@given(ANYTHING)
@example("''=x")
@example("'")
@example("=x\n")
@example("5\n")
def test_what_is_exported_comes_back_unchanged(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@given(st.lists(ANYTHING.filter(lambda text: text.isprintable() or "\t" in text or "\r" in text), min_size=1))
def test_columns_are_guarded_like_cells(texts: list[str]) -> None:
    column = pl.DataFrame({"cell": texts})
    assert column.select(cells.guarded(pl.col("cell")))["cell"].to_list() == [guarded(text) for text in texts]
    assert column.select(cells.unguarded(pl.col("cell")))["cell"].to_list() == [unguarded(text) for text in texts]
    assert cells.unguarded_column(column["cell"]).to_list() == [unguarded(text) for text in texts]


@pytest.mark.parametrize("plain", ["-5", "+5.25", "12", "+8801712345678", "", "a=b", "'", "'quoted'", "0171-2345"])
def test_numbers_phones_and_text_stay_bare(plain: str) -> None:
    assert guarded(plain) == plain


@pytest.mark.parametrize("risky", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "+1-555-0100", "'=1", "''@x"])
def test_what_a_spreadsheet_runs_gets_one_apostrophe(risky: str) -> None:
    assert guarded(risky) == f"'{risky}"


def test_published_injections_are_disarmed(real_data: Path) -> None:
    for entry in json.loads((real_data / "csv-injection" / "formula_cells.json").read_text(encoding="utf-8")):
        cell = entry["cell"]
        assert guarded(cell) == (cell if cell.startswith("\n") else entry["spree_export"])


@given(st.text(), st.integers(0, 8), st.booleans())
@example("a\x85b", 8, True)
@example("\ud800", 8, False)
def test_columns_admit_the_same_text_as_bodies(value: str, max_length: int, multiline: bool) -> None:  # noqa: FBT001
    fault = text_fault(value, max_length=max_length, multiline=multiline)
    if any("\ud800" <= character <= "\udfff" for character in value):
        assert fault is not None
        assert fault.code == NOT_ADMISSIBLE
        return
    column = pl.DataFrame({"cell": [value]})
    refused = column.select(cells.not_admissible(pl.col("cell"), multiline=multiline)).item()
    too_long = column.select(pl.col("cell").str.len_chars() > max_length).item()
    assert (None if fault is None else fault.code) == (NOT_ADMISSIBLE if refused else TOO_LONG if too_long else None)


def test_the_sentence_names_the_character() -> None:
    fault = text_fault("a\0b", max_length=9)
    assert fault is not None
    assert fault.message == "contains the character U+0000, which cannot be stored: delete it."


@pytest.mark.parametrize(("value", "multiline"), [("two\nlines", True), ("tab\tbed", False), ("\u200bwide", False)])
def test_lines_belong_into_notes_only(value: str, multiline: bool) -> None:  # noqa: FBT001
    assert text_fault(value, max_length=99, multiline=True) is None
    assert (text_fault(value, max_length=99) is None) is not multiline


def test_naughty_strings_without_controls_are_text(real_data: Path) -> None:
    strings = json.loads((real_data / "blns" / "blns.json").read_text(encoding="utf-8"))
    refused = [text for text in strings if text_fault(text, max_length=MAX_NOTES_LENGTH, multiline=True)]
    assert len(strings) == 515
    assert len(refused) == 6
    assert all(re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text) for text in refused)


def test_codes_are_trimmed_and_composed() -> None:
    assert canonical_code("\u00a0 Cafe\u0301\n") == "Café"


def test_values_in_sentences_are_short_and_visible() -> None:
    assert shown("x" * 100) == "x" * 80 + "…"
    assert shown("a\0\nb") == "a\ufffd\ufffdb"

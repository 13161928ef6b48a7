"""The same rows come out of a file however it was written."""

import csv
import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.imports.files import open_table
from workers.imports.limits import LIMITS

Upload = Callable[[bytes | str], Path]


def rows_of(path: Path, *, block: int | None = None) -> tuple[list[str], list[tuple[str, ...]], dict[int, str]]:
    limits = LIMITS if block is None else LIMITS._replace(block=block)
    with open_table(path, limits=limits) as table:
        rows: list[tuple[str, ...]] = []
        faults: dict[int, str] = {}
        for batch in table.batches:
            rows += [row[1:] for row in batch.cells.rows()]
            faults |= {row: fault.code for row, fault in batch.faults.items()}
        return table.header, rows, faults


# Every character but controls (many of them make a binary file) and halves of UTF-16 pairs.
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\t\n\"'"), max_size=12)
# Without the euro sign (0x80): after a letter such as ß it makes a character of UTF-8, and is read as that.
WESTERN = st.text(st.sampled_from("abcÀéßñ,;|\t\"' \n0"), max_size=12)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@st.composite
def written(draw: st.DrawFn, cells: st.SearchStrategy[str], encodings: list[str]) -> tuple[bytes, list[list[str]]]:
    """A file as some program may write it, and its rows."""
    width = draw(st.integers(2, 5))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width).filter(_shows), max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        delimiter=draw(st.sampled_from(",;\t|")),
        lineterminator=end,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerow(f"column {place}" for place in range(width))
    writer.writerows(rows)
    text = buffer.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return text.encode(draw(st.sampled_from(encodings))), rows


def _shows(row: list[str]) -> bool:
    return any(cell.strip() for cell in row)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written(CELLS, ENCODINGS), st.sampled_from([64, 200, 1 << 20]))
def test_every_dialect_and_encoding_gives_the_same_rows(
    upload: Upload, file: tuple[bytes, list[list[str]]], block: int
) -> None:
    content, rows = file
    header, read, faults = rows_of(upload(content), block=block)
    assert header == [f"column {place}" for place in range(len(header))]
    assert (read, faults) == ([tuple(row) for row in rows], {})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(written(WESTERN, ["cp1252"]))
def test_windows_1252_gives_the_same_rows(upload: Upload, file: tuple[bytes, list[list[str]]]) -> None:
    content, rows = file
    _, read, faults = rows_of(upload(content))
    assert (read, faults) == ([tuple(row) for row in rows], {})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.sampled_from('ab"" ,,'), min_size=1, max_size=10), max_size=12))
def test_careless_quotes_read_the_same_in_blocks_of_any_size(upload: Upload, lines: list[str]) -> None:
    """Where one block is read by Polars and another by the tokeniser, both must mean the same."""
    path = upload("a,b\n" + "\n".join(lines) + '\nlast,"row"\n')
    assert _outcome(path, 1 << 20) == _outcome(path, 64) == _outcome(path, 8)


def _outcome(path: Path, block: int) -> object:
    try:
        return rows_of(path, block=block)
    except Exception as refused:  # noqa: BLE001  a refusal is an outcome like any other, and so is a defect
        return type(refused), str(refused)


CONTENT = "UID;Name\nR-1;ঢাকা, Mirpur\n"
EXPECTED: tuple[list[str], list[tuple[str, ...]], dict[int, str]] = (["UID", "Name"], [("R-1", "ঢাকা, Mirpur")], {})


def test_windows_1252_is_told(upload: Upload) -> None:
    path = upload("uid,name\n".encode("cp1252") + b"R-1,x\n" * 20_000 + "R-2,5 € café\n".encode("cp1252"))
    with open_table(path, limits=LIMITS._replace(block=1 << 14)) as table:
        assert [batch.cells["c1"][-1] for batch in table.batches][-1] == "5 € café"
        assert "Windows-1252" in table.warnings[0]


def test_packed_files_are_unpacked(upload: Upload) -> None:
    assert rows_of(upload(gzip.compress(CONTENT.encode()))) == EXPECTED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/retailers.csv", CONTENT)
        archive.writestr("__MACOSX/._retailers.csv", "what macOS adds")
    assert rows_of(upload(buffer.getvalue())) == EXPECTED


def test_old_mac_line_ends(upload: Upload) -> None:
    assert rows_of(upload(CONTENT.replace("\n", "\r"))) == EXPECTED


def test_the_separator_line_of_spreadsheets_is_no_record(upload: Upload) -> None:
    assert rows_of(upload("sep=;\r\n" + CONTENT)) == EXPECTED


def test_known_names_decide_between_separators(upload: Upload) -> None:
    with open_table(upload("uid|a;name|name\n1|2;x|3\n"), known=["uid", "name"]) as table:
        assert table.separator == "|"
    with open_table(upload("uid\nR-1,x\n"), known=["uid"]) as table:
        assert (table.separator, table.header) == (",", ["uid"])


def test_a_workbook_keeps_codes_and_reads_dates_and_numbers(upload: Upload) -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
    book.add_worksheet("Empty")
    sheet = book.add_worksheet("Shops")
    sheet.write_row(2, 0, ["uid", "phone", "lat", "active", "since"])
    sheet.write_string(3, 0, "007")
    sheet.write_row(3, 1, [1712345678, 23.8103, True])
    sheet.write_datetime(3, 4, dt.date(2025, 1, 31))
    sheet.write_row(5, 0, ["R-2", "", 5, "", ""])
    sheet.write_row(6, 0, ["R-3", "", "", "", "", "beyond"])
    book.close()
    header, rows, faults = rows_of(upload(buffer.getvalue()))
    assert header == ["uid", "phone", "lat", "active", "since"]
    assert rows == [
        ("007", "1712345678", "23.8103", "true", "2025-01-31 00:00:00"),
        ("R-2", "", "5", "", ""),
        ("R-3", "", "", "", ""),
    ]
    assert faults == {5: "too_many_cells"}


@pytest.mark.parametrize(
    ("line", "cells", "fault"),
    [
        ('R-1,5" pipe', ("R-1", '5" pipe'), None),
        ('R-1,"a"b', ("R-1", "ab"), "broken_quotes"),
        ("R-1", ("R-1", ""), "too_few_cells"),
        ("R-1,x,", ("R-1", "x"), None),
        ("R-1,x,,y", ("R-1", "x"), "too_many_cells"),
        ('R-1,"x","y"', ("R-1", "x"), "too_many_cells"),
        ("R-1,a\0b", ("R-1", "a\0b"), None),
    ],
)
def test_a_careless_line_costs_at_most_its_row(
    line: str, cells: tuple[str, ...], fault: str | None, upload: Upload
) -> None:
    _, rows, faults = rows_of(upload(f'uid,name\nA,"x"\n{line}\nB,y\n'))
    assert rows == [("A", "x"), cells, ("B", "y")]
    assert faults == ({} if fault is None else {3: fault})


def test_records_are_numbered_as_a_spreadsheet_numbers_rows(upload: Upload) -> None:
    with open_table(upload('\n\nuid,name\nR-1,"two\nlines"\n\n , \nR-2,x\n')) as table:
        assert [row for batch in table.batches for row in batch.cells["_row"]] == [2, 5]

"""A file that is no table is refused with one clear sentence, and never read further than needed."""

import gzip
import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from domain.imports import FileRefused
from workers.imports.files import open_table
from workers.imports.kinds import Setting
from workers.imports.limits import LIMITS
from workers.imports.retailers import KIND
from workers.imports.split import split_file

Upload = Callable[[bytes | str], Path]
HEADER = b"uid,name\n"
BANGLA = "R-1,ঢাকা\n".encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def workbook(rows: list[list[str]]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("Data")
    for index, row in enumerate(rows):
        sheet.write_row(index, 0, row)
    book.close()
    return buffer.getvalue()


def locked_zip() -> bytes:
    content = bytearray(zipped(("a.csv", HEADER + b"R-1,x\n")))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 3000

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "empty_file", "choose a file"),
    "blank lines": (b"\n\r\n   \n", "empty_file", "choose a file"),
    "a byte order mark alone": (b"\xef\xbb\xbf", "empty_file", "choose a file"),
    "a header alone": (HEADER, "no_rows", "add the rows"),
    "a header and blank lines": (HEADER + b"\n,\n  , \n", "no_rows", "add the rows"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + os.urandom(100), "not_a_table", "PNG"),
    "a photo": (b"\xff\xd8\xff\xe0" + os.urandom(100), "not_a_table", "JPEG"),
    "a document": (b"%PDF-1.7\n%\xe2\xe3", "not_a_table", "PDF"),
    "a web page": (b"\n<!DOCTYPE html>\n<html>", "not_a_table", "web page"),
    "JSON": (b'{"uid": "R-1"}', "not_a_table", "JSON"),
    "zeros": (b"\0" * 5000, "not_a_table", "binary"),
    "an old workbook": (OLE, "old_workbook", "save it as XLSX"),
    "a locked workbook": (OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted", "without one"),
    "a damaged workbook": (workbook([["uid"], ["R-1"]])[:-40], "broken_file", "damaged"),
    "an empty workbook": (workbook([]), "empty_file", "choose a file"),
    "a Word document": (zipped(("[Content_Types].xml", b"<x/>")), "broken_file", "damaged"),
    "a locked zip file": (locked_zip(), "encrypted", "without one"),
    "a zip file with two members": (zipped(("a.csv", HEADER), ("b.csv", HEADER)), "archive_members", "a.csv, b.csv"),
    "an empty zip file": (zipped(), "archive_members", "exactly one"),
    "a zip file in a zip file": (zipped(("a.zip", zipped(("b", HEADER)))), "packed_twice", "unpack it"),
    "a cut gzip file": (gzip.compress(HEADER + BANGLA * 99)[:-9], "broken_file", "damaged"),
    "a cut zip file": (zipped(("a.csv", HEADER * 99))[:60], "broken_file", "damaged"),
    "broken UTF-8 in row 7": (HEADER + BANGLA * 5 + b"R-2,\xff\n", "broken_text", "Row 7"),
    "UTF-8 cut in a letter": (HEADER + BANGLA[:-2], "broken_text", "Row 2"),
    "bytes of no encoding": (HEADER + b"R-1,caf\xe9\nR-2,\x81\n", "broken_text", "Windows-1252"),
    "UTF-16 with half a letter": ("uid,name\nR,x\n".encode("utf-16") + b"a", "broken_text", "UTF-16"),
    "an open quote": (HEADER + b'R-1,x\nR-2,"Rahim\nR-3,y\n', "quote_not_closed", "row 3"),
    "an open quote in the header": (b'uid,"name\nR-1,x\n', "quote_not_closed", "row 1"),
    "a long line": (HEADER + b"R-1,x\n" + b"x" * (2 << 20), "line_too_long", "Row 3"),
    "many columns": (b",".join(b"c%d" % place for place in range(501)) + b"\n", "too_many_columns", "501"),
    "no uid": (b"name,phone\nx,1\n", "missing_column", "its header has: name, phone"),
    "no header": (b"R-1,Rahim,01712345678\nR-2,Karim,\n", "missing_column", "R-1, Rahim"),
    "a column twice": (b"uid,Name, name\nR-1,x,y\n", "duplicate_column", "name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused(case: str, upload: Upload, setting: Setting, tmp_path: Path) -> None:
    content, code, hint = REFUSED[case]
    chunks = tmp_path / "chunks"
    chunks.mkdir()
    with pytest.raises(FileRefused) as refused:
        split_file(upload(content), kind=KIND, into=chunks, setting=setting)
    assert (refused.value.code, hint in refused.value.message) == (code, True), refused.value.message
    assert len(refused.value.message) < 400


def test_a_line_of_a_gigabyte_is_refused_in_little_memory(upload: Upload) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(HEADER + b"R-1,")
        for _ in range(64):
            file.write(b"x" * (1 << 20))
    path = upload(packed.getvalue() * 16)  # gzip members follow each other: one line of over a gigabyte
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match="Row 2 is longer than 1 MiB"), open_table(path) as table:
            list(table.batches)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("line", [b"\n", b"R-1,xxxxxxxxxxxxxxxxxxxxxxxxxx\n"])
def test_a_bomb_is_refused_while_it_is_unpacked(line: bytes, upload: Upload) -> None:
    limits = LIMITS._replace(unpacked_ratio_from=1 << 20, block=1 << 16)
    path = upload(gzip.compress(HEADER + line * (3_000_000 // len(line))))
    with pytest.raises(FileRefused, match="unpacks to far more"), open_table(path, limits=limits) as table:
        list(table.batches)


def test_a_workbook_that_swells_is_refused_whatever_it_declares(upload: Upload) -> None:
    limits = LIMITS._replace(sheet_unpacked=1 << 20)
    content = zipped(("[Content_Types].xml", b""), ("xl/worksheets/sheet1.xml", b"<row>" + b"x" * (2 << 20)))
    with pytest.raises(FileRefused, match="unpacks to far more"):
        open_table(upload(content), limits=limits)


def test_a_sheet_with_too_many_rows_asks_for_csv(upload: Upload) -> None:
    limits = LIMITS._replace(sheet_rows=100)
    path = upload(workbook([["uid"], *([f"R-{row}"] for row in range(100))]))
    with open_table(path, limits=limits) as table:
        assert sum(batch.cells.height for batch in table.batches) == 100
    path = upload(workbook([["uid"], *([f"R-{row}"] for row in range(101))]))
    with pytest.raises(FileRefused, match="more than 100 rows: save as CSV"):
        open_table(path, limits=limits)


@pytest.mark.parametrize(("row", "column"), [(100_000, 16_383), (1_048_575, 100), (2_000, 16_383)])
def test_a_sheet_with_a_cell_far_away_is_refused_before_it_fills_the_memory(
    row: int, column: int, upload: Upload
) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "uid")
        sheet.write(row, column, "R-1")
    with pytest.raises(FileRefused, match="more than 20,000,000 cells"):
        open_table(upload(buffer.getvalue()), limits=LIMITS)


def test_cells_that_do_not_say_where_they_are_count_on_from_their_row(upload: Upload) -> None:
    rows = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1"/><c><v>2</v></c></row>'
    parts = (
        "xl/worksheets/s.xml",
        b"<sheetData>" + rows.replace(b"<c>", b'<c r="XFD1"><v>0</v></c><c>') + b"</sheetData>",
    )
    with pytest.raises(FileRefused, match="more than 20,000,000 cells"):
        open_table(upload(zipped(("[Content_Types].xml", b""), parts)), limits=LIMITS)


def test_an_empty_cell_that_somebody_once_formatted_far_away_is_no_reason(upload: Upload) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        sheet.write_column(0, 0, ["uid", "R-1"])
        sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))
    with open_table(upload(buffer.getvalue()), limits=LIMITS) as table:
        assert sum(batch.cells.height for batch in table.batches) == 1


def test_a_record_that_grows_in_its_quotes_is_refused_with_its_row(upload: Upload) -> None:
    limits = LIMITS._replace(record=1 << 12, block=1 << 13)
    content = HEADER + b"R-1,x\n" * 10 + b'R-2,"' + b'","\n' * 50_000
    with (
        pytest.raises(FileRefused, match=r"row 12 \(line 12\) is not closed within"),
        open_table(upload(content), limits=limits) as table,
    ):
        list(table.batches)

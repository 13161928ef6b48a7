"""A workbook of one sheet (ECMA-376), written row by row: texts as inline strings, which no spreadsheet runs."""

import csv
import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final
from xml.sax.saxutils import escape, quoteattr

_ROWS_AT_ONCE: Final = 5_000
# What XML 1.0 cannot hold, however it is written; no field of ours admits most of it.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BREAKS: Final = {"\r": "&#13;"}
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PARTS: Final = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}


def write_sheet(source: Path, into: Path, *, name: str, numbers: frozenset[str], go_on: Callable[[int], bool]) -> None:
    """The CSV `source` as a workbook; the columns `numbers` hold numbers, all others text.

    `go_on` hears how many lines are written, and says whether to write more.
    """
    with (
        source.open(encoding="utf-8", newline="") as lines,
        zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book,
    ):
        for part, xml in _PARTS.items():
            book.writestr(part, _XML + xml)
        book.writestr("xl/workbook.xml", _workbook(name))
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            _write_rows(csv.reader(lines), sheet, numbers, go_on)


def _write_rows(
    rows: Iterator[list[str]], sheet: IO[bytes], numbers: frozenset[str], go_on: Callable[[int], bool]
) -> None:
    header = next(rows)
    are_numbers = [column in numbers for column in header]
    # The header stays in sight.
    view = '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView>'
    sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}">{view}</sheetViews><sheetData>'.encode())
    sheet.write(_row(header, [False] * len(header)).encode())
    written = 0
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        sheet.write("".join(_row(cells, are_numbers) for cells in batch).encode())
        written += len(batch)
        if not go_on(written):
            return
    sheet.write(b"</sheetData></worksheet>")


def _row(cells: list[str], are_numbers: list[bool]) -> str:
    return f"<row>{''.join(map(_cell, cells, are_numbers))}</row>"


def _cell(text: str, is_number: bool) -> str:  # noqa: FBT001  one of two columns that map() reads
    if not text:
        return "<c/>"
    if is_number:
        return f"<c><v>{text}</v></c>"
    inline = escape(_NOT_XML.sub("\ufffd", text), _BREAKS)
    return f'<c t="inlineStr"><is><t xml:space="preserve">{inline}</t></is></c>'


def _workbook(name: str) -> str:
    return (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        f'<sheet name={quoteattr(name)} sheetId="1" r:id="rId1"/></sheets></workbook>'
    )

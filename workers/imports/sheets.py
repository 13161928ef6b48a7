"""The first sheet of an XLSX workbook that is not blank, as text cells."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import fastexcel
import polars as pl

from domain import imports
from workers.imports.containers import sheet_parts
from workers.imports.limits import Limits
from workers.imports.records import Batch, numbered

# A row with something in it; `<row …/>` is a blank one that somebody once formatted.
_ROW_BEGIN = re.compile(rb"<(?:\w+:)?row(?:\s[^>]*[^/>])?>")
# A cell that is not empty, `<c r="AB12" …>`, and one that does not say where it is: it counts on from its row's number.
_CELL = re.compile(
    rb"""<(?:\w+:)?c\s++(?:[^>]*?\s)??r\s*+=\s*+["']([A-Za-z]{1,9}+)([0-9]{1,9}+)["'](?:[^>]*+(?<!/))?>"""
)
_CELL_SOMEWHERE = re.compile(rb"<(?:\w+:)?c(?:\s(?!\s*r\s*=|[^>]*\sr\s*=)[^>]*)?>")
_ROW_NUMBER = re.compile(rb"""<(?:\w+:)?row\s(?:[^>]*\s)?r\s*=\s*["']([0-9]{1,9})""")
# What the reader would take for an XLSB or an ODS workbook, whose sheets are not measured here.
_OTHER_WORKBOOKS = frozenset({"xl/workbook.bin", "content.xml"})
_BATCH_ROWS = 40_000
_OVERLAP = 512  # longer than a row tag


class Sheet(NamedTuple):
    """A sheet in memory; at most 200,000 rows, which the parts of the workbook were searched for before loading.

    `note` tells of the other sheets, for whoever misses something in this one.
    """

    header: list[str]
    cells: pl.DataFrame
    warnings: tuple[str, ...]
    note: str = ""

    def batches(self, width: int) -> Iterator[Batch]:
        """The rows below the header, in the file's order."""
        names = self.cells.columns
        for offset in range(1, self.cells.height, _BATCH_ROWS):
            part = self.cells.slice(offset, _BATCH_ROWS)
            faults = {}
            if surplus := names[width:]:
                beyond = part.select(
                    pl.int_range(pl.len()).alias("index"), pl.concat_list(surplus).alias("cells")
                ).filter(pl.any_horizontal(pl.Series(part[name].str.strip_chars() != "") for name in surplus))
                for index, cells in beyond.rows():
                    texts = [cell for cell in cells if cell.strip()]
                    faults[1 + offset + index] = imports.wrong_width(len(names), width, texts)
            batch = numbered(part.select(names[:width]), 1 + offset, faults)
            if batch.cells.height:
                yield batch


def read_sheet(path: Path, limits: Limits) -> Sheet:
    """The first visible sheet that has something in it; its first row that is not blank is the header."""
    _refuse_large(path, limits)
    try:
        book = fastexcel.read_excel(path)
        names = [
            name for name in book.sheet_names if book.load_sheet(name, header_row=None, n_rows=0).visible == "visible"
        ]
        filled = [(name, cells) for name in names if (cells := _cells(book, name)).height]
    except fastexcel.FastExcelError as error:
        raise imports.broken_archive("workbook", str(error).split("\n", 1)[0]) from error
    if not filled:
        raise imports.empty_file()
    name, cells = filled[0]
    if cells.height > limits.sheet_rows + 1:
        raise imports.too_many_sheet_rows(limits.sheet_rows)
    warnings = (imports.other_sheets_ignored(name, len(filled) - 1),) if len(filled) > 1 else ()
    note = imports.only_first_sheet(name) if len(filled) > 1 else ""
    return Sheet([str(cell) for cell in cells.row(0)], cells, warnings, note)


def _cells(book: fastexcel.ExcelReader, name: str) -> pl.DataFrame:
    loaded = book.load_sheet(name, header_row=None, dtypes="string", skip_whitespace_tail_rows=True).to_polars()
    cells = loaded.rename({name: f"c{index}" for index, name in enumerate(loaded.columns)}).fill_null("")
    return _without_blank_start(cells)


def _without_blank_start(cells: pl.DataFrame) -> pl.DataFrame:
    for index in range(min(cells.height, 1000)):
        if any(cell.strip() for cell in cells.row(index)):
            return cells.slice(index)
    return cells.clear()


class _Extent:
    """How far a sheet reaches, and how many rows have something in them."""

    def __init__(self) -> None:
        self.rows = 0
        self._bottom = self._right = self._numbered = 0
        self._somewhere = False
        self._tail = b""

    def add(self, piece: bytes) -> None:
        """The next piece of the sheet's XML."""
        seen, text = len(self._tail), self._tail + piece
        self.rows += sum(match.end() > seen for match in _ROW_BEGIN.finditer(text))
        cells = set(_CELL.findall(text))
        self._right = max([self._right, *(_column(letters) for letters in {letters for letters, _ in cells})])
        self._bottom = max([self._bottom, *map(int, {digits for _, digits in cells})])
        self._numbered = max([self._numbered, *map(int, _ROW_NUMBER.findall(text))])
        self._somewhere = self._somewhere or _CELL_SOMEWHERE.search(text) is not None
        self._tail = text[-_OVERLAP:]

    @property
    def cells(self) -> int:
        """How many cells the sheet takes in memory."""
        return max(self._bottom, self._numbered if self._somewhere else 0) * max(self._right, 1)


def _refuse_large(path: Path, limits: Limits) -> None:
    """Measure while unpacking piece by piece: sheets are loaded whole, so they must be known to fit before."""
    extents: defaultdict[str, _Extent] = defaultdict(_Extent)
    for name, piece in sheet_parts(path, limits):
        if name in _OTHER_WORKBOOKS:
            raise imports.old_workbook()
        # Wherever they lie: a workbook may call its sheets as it likes.
        extents[name].add(piece)
    if max((extent.rows for extent in extents.values()), default=0) > limits.sheet_rows + 1:
        raise imports.too_many_sheet_rows(limits.sheet_rows)
    if sum(extent.cells for extent in extents.values()) > limits.sheet_cells:
        raise imports.sheets_too_spread_out(limits.sheet_cells)


def _column(letters: bytes) -> int:
    """`A` is 1, `AB` is 28."""
    return functools.reduce(lambda number, letter: number * 26 + letter - 64, letters.upper(), 0)

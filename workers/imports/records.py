"""From UTF-8 text to frames of cells, a few megabytes at a time, with the number of every record.

Blocks are cut at the end of a record and parsed by Polars. A block with quotation marks that do not come in proper
pairs goes through the tokeniser instead, so that one careless cell costs its row and not the file.
"""

import io
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import polars as pl

from domain import imports
from domain.imports import RowFault
from workers.imports.encodings import BrokenText, TextStream
from workers.imports.limits import Limits
from workers.imports.tokeniser import Record, Tokeniser

# A properly quoted cell: begins a cell and ends one. Begins with the mark itself, since then the search is a memchr.
_QUOTED: Final = {
    separator: re.compile(
        rb'"(?<![^\n' + separator.encode() + rb']")[^"]*+(?:""[^"]*+)*+"(?=[\r\n' + separator.encode() + rb"]|\Z)"
    )
    for separator in ",;\t|"
}
_SHORT_ROW: Final = 64


class Batch(NamedTuple):
    """Records of a file: `cells` has `_row` (the header is record 1) and one text column per header name, in order,
    `faults` what is wrong with the records themselves. Blank records are numbered but left out.
    """

    cells: pl.DataFrame
    faults: dict[int, RowFault]


class RecordReader:
    """Reads the text of one file from its first record on."""

    def __init__(self, source: TextStream, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._buffer = b""
        self._ended = False
        self._broken: BrokenText | None = None
        self._row = 1
        self._line = 1

    def start(self) -> str:
        """The beginning of the text, for finding the separator; leading blank lines are passed over."""
        while True:
            self._fill()
            body = self._buffer.lstrip(b" \t\r\n")
            if body or self._ended:
                break
            self._line += self._buffer.count(b"\n")
            self._buffer = b""
        if not body:
            raise imports.empty_file()
        blank = self._buffer[: len(self._buffer) - len(body)]
        # Spaces and tabs before the first word belong to its line: a tab may be an empty first name.
        self._line += blank.count(b"\n")
        self._buffer = self._buffer[blank.rfind(b"\n") + 1 :]
        return self._buffer[: 1 << 16].decode(errors="ignore")

    def skip_line(self) -> None:
        """Pass over one line that is no record, as `sep=;` is."""
        self._buffer = self._buffer[self._buffer.find(b"\n") + 1 :] if b"\n" in self._buffer else b""
        self._line += 1

    def header(self, separator: str) -> list[str]:
        """The first record."""
        records, _ = self._read_carefully(separator, at_least=1, at_most_records=1)
        return records[0].cells if records else []

    def batches(self, width: int, separator: str) -> Iterator[Batch]:
        """Every further record; `width` is the number of header names."""
        while True:
            self._fill()
            if not self._buffer:
                return
            batch = self._next_batch(width, separator)
            if batch.cells.height:
                yield batch

    def _fill(self) -> None:
        pieces = [self._buffer]
        size = len(self._buffer)
        while size < self._limits.block and not self._ended:
            try:
                piece = self._source.read(min(self._limits.block, 1 << 20))
            except BrokenText as error:
                # Told only when the records before it are read: then its row is known.
                self._broken, piece = error, b""
            self._ended = not piece
            size += len(piece)
            pieces.append(piece)
        self._buffer = b"".join(pieces) if len(pieces) > 1 else self._buffer
        self._refuse_long_lines()
        if self._broken is not None:
            raise imports.broken_text(str(self._broken), self._row + self._buffer.count(b"\n"))

    def _refuse_long_lines(self) -> None:
        limit, position = self._limits.record, 0
        while len(self._buffer) - position > limit:
            end = self._buffer.rfind(b"\n", position, position + limit + 1)
            if end < 0:
                raise imports.line_too_long(self._row + self._buffer.count(b"\n", 0, position), limit)
            position = end + 1

    def _next_batch(self, width: int, separator: str) -> Batch:
        cut = self._cut()
        block = self._buffer[:cut]
        quoted = b'"' in block
        plain = _QUOTED[separator].sub(b"", block) if quoted else block
        if cut == 0 or b'"' in plain:
            return self._careful_batch(width, separator, at_least=max(cut, 1))
        lines = plain.split(b"\n")
        if not lines[-1]:
            lines.pop()
        mark = separator.encode()
        separators = width - 1
        # Without quotes an empty line is a blank record; with them it may be a quoted cell that was taken out.
        uneven = [index for index, line in enumerate(lines) if line.count(mark) != separators and (line or quoted)]
        if quoted and any(lines[index].strip() for index in uneven):
            return self._careful_batch(width, separator, at_least=cut)
        cells = _parse(block, width, separator, quoted=quoted)
        if cells.height != len(lines):
            return self._careful_batch(width, separator, at_least=cut)
        faults: dict[int, RowFault] = {}
        for index in uneven:
            record = lines[index].rstrip(b"\r").decode().split(separator)
            if (fault := _width_fault(record, width)) is not None:
                faults[self._row + index] = fault
        batch = numbered(cells, self._row, faults)
        self._pass(block, len(lines))
        return batch

    def _cut(self) -> int:
        """The length of the longest part of the buffer that ends with a record, if its quotation marks are paired."""
        buffer = self._buffer
        if self._ended:
            return len(buffer)
        cut = buffer.rfind(b"\n")
        marks = buffer.count(b'"', 0, max(cut, 0))
        while marks % 2 and cut > 0:
            before = buffer.rfind(b"\n", 0, cut)
            marks -= buffer.count(b'"', max(before, 0), cut)
            cut = before
        return cut + 1

    def _careful_batch(self, width: int, separator: str, at_least: int) -> Batch:
        first = self._row
        records, _ = self._read_carefully(separator, at_least)
        faults = {
            first + index: fault
            for index, record in enumerate(records)
            if (fault := imports.broken_quotes() if record.broken else _width_fault(record.cells, width)) is not None
        }
        rows = [(record.cells + [""] * width)[:width] for record in records]
        names = [f"c{index}" for index in range(width)]
        cells = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        return numbered(cells, first, faults)

    def _read_carefully(
        self, separator: str, at_least: int, at_most_records: int | None = None
    ) -> tuple[list[Record], int]:
        """Records that together take at least so many bytes of the buffer, and how many they took."""
        tokeniser = Tokeniser(separator)
        records: list[Record] = []
        position = begun = 0
        begun_line = self._line
        while position < at_least or tokeniser.in_quotes:
            if position >= len(self._buffer):
                if self._ended:
                    break
                self._refill(position - begun)
                continue
            end = self._buffer.find(b"\n", position) + 1
            if end == 0 and not self._ended:
                self._refill(position - begun)
                continue
            end = end or len(self._buffer)
            record = tokeniser.feed(self._buffer[position:end].decode())
            position = end
            if record is None:
                if position - begun > self._limits.record:
                    raise imports.quote_not_closed(self._row + len(records), begun_line, self._limits.record)
                continue
            records.append(record)
            begun_line += self._buffer.count(b"\n", begun, position)
            begun = position
            if at_most_records == len(records):
                break
        if tokeniser.in_quotes:
            raise imports.quote_not_closed(self._row + len(records), begun_line)
        self._pass(self._buffer[:position], len(records))
        return records, position

    def _refill(self, pending: int) -> None:
        """More text while a record is incomplete: the buffer keeps its beginning, so it may grow past a block."""
        if pending > self._limits.record:
            raise imports.line_too_long(self._row, self._limits.record)
        piece = b""
        try:
            piece = self._source.read(1 << 20)
        except BrokenText as error:
            raise imports.broken_text(str(error), self._row + self._buffer.count(b"\n")) from error
        self._ended = not piece
        self._buffer += piece
        self._refuse_long_lines()

    def _pass(self, block: bytes, records: int) -> None:
        self._buffer = self._buffer[len(block) :]
        self._row += records
        self._line += block.count(b"\n")


def _parse(block: bytes, width: int, separator: str, *, quoted: bool) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(block.removesuffix(b"\r")),
        has_header=False,
        separator=separator,
        quote_char='"' if quoted else None,
        schema={f"c{index}": pl.String for index in range(width)},
        missing_columns="insert",
        extra_columns="ignore",
        truncate_ragged_lines=True,
        empty_string_is_null=False,
        raise_if_empty=False,
    )


def _width_fault(record: list[str], width: int) -> RowFault | None:
    """A record may be longer than the header by empty cells, as spreadsheets write them; else it has its width."""
    if len(record) < width:
        return imports.wrong_width(len(record), width, [])
    surplus = [cell for cell in record[width:] if cell.strip()]
    return imports.wrong_width(len(record), width, surplus) if surplus else None


def numbered(cells: pl.DataFrame, first: int, faults: dict[int, RowFault]) -> Batch:
    """With record numbers, and without blank records: those have no cell with more than spaces in it."""
    names = cells.columns
    rows = cells.with_columns(pl.col(names).fill_null("")).with_row_index("_row", offset=first)
    # Spaces are looked for in short records only: stripping every cell of a file would cost more than reading it.
    size = rows.select(pl.sum_horizontal(pl.col(name).str.len_bytes() for name in names)).to_series()
    short = rows.filter(size <= _SHORT_ROW)
    blank = short.filter(pl.all_horizontal(pl.col(name).str.strip_chars() == "" for name in names))["_row"]
    surplus = [row for row, fault in faults.items() if fault.code == imports.TOO_MANY_CELLS]
    gone = blank.filter(~blank.is_in(surplus)) if surplus else blank
    if gone.len() == 0:
        return Batch(rows, faults)
    kept = rows.filter(~pl.col("_row").is_in(gone.implode()))
    numbers = set(gone.to_list()) if faults else set()
    return Batch(kept, {row: fault for row, fault in faults.items() if row not in numbers})

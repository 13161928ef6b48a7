"""Open an uploaded file, whatever it is, as one table: a header and batches of text cells."""

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final, Self

from domain import imports
from workers.imports.containers import ByteStream, is_workbook, open_bytes
from workers.imports.encodings import TextStream
from workers.imports.headers import folded
from workers.imports.limits import LIMITS, Limits
from workers.imports.records import Batch, RecordReader
from workers.imports.sheets import read_sheet
from workers.imports.tokeniser import Tokeniser

SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLED_RECORDS: Final = 50
# The first line that some spreadsheets write to tell each other the separator.
_SEPARATOR_LINE = re.compile(r"\A\ufeff?sep=([,;\t|])\r?(?:\n|\Z)", re.IGNORECASE)


class Table:
    """An open upload. `separator` and `bom` say how it was written, so that its rejects can be written alike.

    `note` is what to add when its header is refused.
    """

    def __init__(
        self,
        *,
        header: list[str],
        separator: str,
        bom: bool,
        warnings: Callable[[], tuple[str, ...]],
        batches: Iterator[Batch],
        position: Callable[[], int],
        size: int,
        close: Callable[[], None],
        note: str = "",
    ) -> None:
        self.header = header
        self.note = note
        self.separator = separator
        self.bom = bom
        self._warnings = warnings
        self.batches = batches
        self.position = position
        self.size = size
        self._close = close

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the uploader should know; complete once all batches are read."""
        return self._warnings()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def open_table(path: Path, *, known: Collection[str] = (), limits: Limits = LIMITS) -> Table:
    """Open an upload; `known` are the column names that are looked for, which is what tells the separator best.

    Raises FileRefused, also while its batches are read.
    """
    size = path.stat().st_size
    if size == 0:
        raise imports.empty_file()
    if is_workbook(path):
        return _workbook(path, size, limits)
    source = open_bytes(path, limits)
    try:
        return _text(source, size, known, limits)
    except BaseException:
        source.close()
        raise


def _text(source: ByteStream, size: int, known: Collection[str], limits: Limits) -> Table:
    stream = TextStream(source, unpacked=source.is_unpacked)
    records = RecordReader(stream, limits)
    sample = records.start()
    if (told := _SEPARATOR_LINE.match(sample)) is not None:
        records.skip_line()
        sample = records.start()
    separator = told[1] if told is not None else sniff_separator(sample, known)
    header = trimmed_header(records.header(separator), limits)
    return Table(
        header=header,
        separator=separator,
        bom=stream.bom,
        warnings=lambda: (imports.read_as_windows_1252(),) if stream.encoding == "cp1252" else (),
        batches=records.batches(len(header), separator),
        position=source.position,
        size=size,
        close=source.close,
    )


def _workbook(path: Path, size: int, limits: Limits) -> Table:
    sheet = read_sheet(path, limits)
    header = trimmed_header(sheet.header, limits)
    return Table(
        header=header,
        separator=",",
        bom=True,
        warnings=lambda: sheet.warnings,
        note=sheet.note,
        batches=sheet.batches(len(header)),
        position=lambda: size,
        size=size,
        close=lambda: None,
    )


def trimmed_header(names: list[str], limits: Limits) -> list[str]:
    """The header without the nameless columns at its end that spreadsheets leave behind."""
    while names and not names[-1].strip():
        names = names[:-1]
    if len(names) > limits.columns:
        raise imports.too_many_columns(len(names), limits.columns)
    if not names:
        raise imports.empty_file()
    return names


def sniff_separator(sample: str, known: Collection[str]) -> str:
    """The separator under which the header names most known columns; failing that, the most even one."""
    wanted = {folded(name) for name in known}
    return max(SEPARATORS, key=lambda separator: _fit(sample, separator, wanted))


def _fit(sample: str, separator: str, wanted: set[str]) -> tuple[int, float, int]:
    tokeniser = Tokeniser(separator)
    widths: list[int] = []
    recognised = 0
    for line in sample.splitlines(keepends=True):
        record = tokeniser.feed(line)
        if record is None:
            continue
        if not widths:
            recognised = sum(folded(cell) in wanted for cell in record.cells)
        widths.append(len(record.cells))
        if len(widths) == _SAMPLED_RECORDS:
            break
    if not widths or widths[0] == 1:
        return recognised, 0.0, 1
    return recognised, sum(width == widths[0] for width in widths) / len(widths), widths[0]

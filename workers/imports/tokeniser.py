"""Records with quotation marks, cell by cell: slower than Polars, but exact about what is wrong with them."""

import re
from typing import Final, NamedTuple

# What is left of a closing quotation mark; a doubled one is text.
_TO_CLOSING: Final = re.compile(r'([^"]*+(?:""[^"]*+)*+)"')


class Record(NamedTuple):
    """The cells of one record; `broken` when text stood after a closing quotation mark."""

    cells: list[str]
    broken: bool


class Tokeniser:
    """Takes physical lines and gives a record whenever one is complete (RFC 4180).

    A quotation mark inside a cell that does not begin with one is text, as spreadsheets read it.
    """

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._quoted_cell = separator + '"'
        self._cells: list[str] = []
        self._open: list[str] = []
        self._broken = False

    @property
    def in_quotes(self) -> bool:
        """Whether the last line ended inside quotation marks."""
        return bool(self._open)

    def feed(self, line: str) -> Record | None:
        """One line with its end; None while a quoted cell goes on in the next line."""
        body = line.rstrip("\n").removesuffix("\r")
        if not self._open and not body.startswith('"') and self._quoted_cell not in body:
            return Record(body.split(self._separator), broken=False)
        position = 0
        if self._open:
            closing = _TO_CLOSING.match(line)
            if closing is None:
                self._open.append(line)
                return None
            self._open.append(closing[1])
            position = self._close(body, closing.end())
        while position <= len(body):
            if body.startswith('"', position):
                closing = _TO_CLOSING.match(body, position + 1)
                if closing is None:
                    self._open.append(line[position + 1 :])
                    return None
                self._open.append(closing[1])
                position = self._close(body, closing.end())
            else:
                end = self._cell_end(body, position)
                self._cells.append(body[position:end])
                position = end + 1
        record = Record(self._cells, self._broken)
        self._cells, self._broken = [], False
        return record

    def _close(self, body: str, position: int) -> int:
        end = self._cell_end(body, position)
        surplus = body[position:end]
        self._broken = self._broken or bool(surplus.strip())
        self._cells.append("".join(self._open).replace('""', '"') + surplus.strip())
        self._open = []
        return end + 1

    def _cell_end(self, body: str, position: int) -> int:
        end = body.find(self._separator, position)
        return len(body) if end < 0 else end

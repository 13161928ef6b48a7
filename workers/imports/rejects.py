"""Rejected rows: what each step found, by record number, and the file of rejects that people correct and upload."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final, Self

import polars as pl

from domain.imports import RowFault
from workers.imports.cells import guarded, unguarded
from workers.imports.files import Table, open_table
from workers.imports.headers import is_ours
from workers.imports.limits import LIMITS, Limits
from workers.imports.spill import Spill

REJECT_SCHEMA: Final = pl.Schema({"_row": pl.UInt32, "_column": pl.String, "_code": pl.String, "_message": pl.String})
# Between the faults of one row.
SEPARATOR: Final = " | "
_ROWS_OF_BUCKET: Final = 25_000


def reject_frame(faults: Iterable[tuple[int, RowFault]]) -> pl.DataFrame:
    """Rejects of rows picked out one by one: record number and fault."""
    rows = [(row, fault.column, fault.code, fault.message) for row, fault in faults]
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def reject_rows(rows: Sequence[int], fault: RowFault) -> pl.DataFrame:
    """The same fault for many rows."""
    return reject_frame((row, fault) for row in rows)


class RejectWriter:
    """Writes one part: the rejects that one step found. No row may stand in two parts, nor twice in one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames = [pl.DataFrame(schema=REJECT_SCHEMA)]

    @property
    def rows(self) -> int:
        """How many rows were rejected."""
        return sum(frame.height for frame in self._frames)

    def add(self, rejects: pl.DataFrame) -> None:
        """Rejects with the columns of REJECT_SCHEMA."""
        self._frames.append(rejects.select(REJECT_SCHEMA.keys()).cast(REJECT_SCHEMA))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            pl.concat(self._frames).write_ipc(self._path, compression="zstd")


def assemble_rejects(upload: Path, *, parts: Iterable[Path], into: Path, limits: Limits = LIMITS) -> int:
    """Write the file of rejects and return its number of rows.

    The cells are read from the upload again, so that chunks and parts need not carry them: one pass more over the
    file, and only for jobs that have rejects. It comes in the file's own order, separator and byte order mark.
    """
    with TemporaryDirectory(prefix="rejects-") as folder, open_table(upload, limits=limits) as table:
        spill = Spill(Path(folder))
        for part in parts:
            frame = pl.read_ipc(part)
            spill.add(frame.with_columns((pl.col("_row") // _ROWS_OF_BUCKET).alias("_bucket")))
        with into.open("wb") as target:
            return _Assembly(table, spill, target).write()


class _Assembly:
    def __init__(self, table: Table, spill: Spill, target: IO[bytes]) -> None:
        self._table = table
        self._spill = spill
        self._target = target
        self._left = spill.finish()
        self._at_hand = pl.DataFrame(schema={**REJECT_SCHEMA, "_bucket": pl.UInt32})
        self._kept = [index for index, name in enumerate(table.header) if not is_ours(name)]

    def write(self) -> int:
        header = [self._table.header[index] for index in self._kept] + list(REJECT_SCHEMA)
        # A frame whose one row is the header: names may stand twice there, and need quotes and guards like cells.
        names = pl.DataFrame([header], schema=[f"p{place}" for place in range(len(header))], orient="row")
        self._csv(names.select(guarded(unguarded(pl.all()))), bom=self._table.bom)
        written = 0
        if not self._left:
            return written
        for batch in self._table.batches:
            numbers = batch.cells["_row"]
            rejects = self._until(int(numbers[-1]))
            found = batch.cells.join(rejects, on="_row", how="inner", maintain_order="left")
            cells = [unguarded(pl.col(f"c{index}")) for index in self._kept]
            told = [pl.col("_row").cast(pl.String), *(pl.col(name) for name in list(REJECT_SCHEMA)[1:])]
            line = [guarded(cell.fill_null("")).alias(f"p{place}") for place, cell in enumerate([*cells, *told])]
            self._csv(found.select(line), bom=False)
            written += found.height
            if not self._left and self._at_hand.height == 0:
                break
        return written

    def _until(self, last: int) -> pl.DataFrame:
        """The rejects up to a record; those above stay at hand."""
        frames = [self._at_hand]
        while self._left and self._left[0] * _ROWS_OF_BUCKET <= last:
            frames.append(self._spill.take(self._left.pop(0)).select(self._at_hand.columns).cast(self._at_hand.schema))
        everything = pl.concat(frames)
        self._at_hand = everything.filter(pl.col("_row") > last)
        return everything.filter(pl.col("_row") <= last).drop("_bucket")

    def _csv(self, frame: pl.DataFrame, *, bom: bool) -> None:
        plain = frame.select(pl.when(pl.all() != "").then(pl.all()))
        plain.write_csv(
            self._target, include_header=False, include_bom=bom, separator=self._table.separator, null_value=""
        )

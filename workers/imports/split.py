"""Split an uploaded file into chunks that workers load side by side, and the rows that are rejected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from domain import imports
from workers.imports.check import Checker
from workers.imports.chunks import STANDS_IN, only_last_counts, write_chunk
from workers.imports.doubts import DOUBT_SCHEMA
from workers.imports.files import Table, open_table
from workers.imports.headers import read_header
from workers.imports.kinds import Kind, Setting
from workers.imports.limits import LIMITS, Limits
from workers.imports.rejects import RejectWriter, reject_frame
from workers.imports.spill import Spill

# Buckets are read back one at a time. Five million rows took 240 MB of memory in all with 64, 300 MB with 32.
_BUCKETS: Final = 64
# A chunk is one transaction of about a second, so that cancelling, progress and retrying go by small steps; below
# 10,000 rows the fixed cost of a transaction shows.
_CHUNK_ROWS: Final = 20_000
_REJECTS_OF_PART: Final = 50_000
_MOSTLY: Final = 0.9


class SplitCancelled(Exception):  # noqa: N818  no error, but what somebody asked for
    """The job was cancelled while its file was read."""


class Progress(NamedTuple):
    """How far a split is; `step` is `read` or `write`."""

    rows: int
    bytes_done: int
    bytes_total: int
    step: str


class Chunk(NamedTuple):
    """A file of rows to load."""

    number: int
    path: Path
    rows: int


class Split(NamedTuple):
    """What became of a file: `rows == rejected + sum(chunk.rows)`."""

    rows: int
    rejected: int
    chunks: tuple[Chunk, ...]
    reject_parts: tuple[Path, ...]
    warnings: tuple[str, ...]
    columns: tuple[str, ...]


def doubts_of(part: Path) -> Path:
    """Where the doubts about the rows of a part of the rejects are, if there are any."""
    return part.with_suffix(".doubts")


def split_file(
    path: Path,
    *,
    kind: Kind,
    into: Path,
    setting: Setting,
    on_progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    limits: Limits = LIMITS,
) -> Split:
    """Read, check and split a file; `into` is an empty folder that takes chunks and parts.

    Raises FileRefused for a file that cannot be read as a table of this kind, SplitCancelled when told to stop.
    """
    with open_table(path, known=kind.names, limits=limits) as table:
        header = read_header(table.header, kind.names, kind.required, table.note)
        work = _Work(kind, into, on_progress, should_stop)
        work.read(table, Checker(kind, header, setting))
        if work.rows == 0:
            raise imports.no_rows()
        work.write(table.size)
    split = Split(
        rows=work.rows,
        rejected=work.rejected,
        chunks=tuple(work.chunks),
        reject_parts=tuple(work.parts),
        warnings=(*table.warnings, *header.warnings),
        columns=tuple(name for name in kind.names if name in header.positions),
    )
    if split.rows != split.rejected + sum(chunk.rows for chunk in split.chunks):
        message = f"{split.rows} rows were read, but {split.rejected} rejected and {split.chunks} kept"
        raise AssertionError(message)
    return split


@dataclass
class _Work:
    kind: Kind
    into: Path
    on_progress: Callable[[Progress], None]
    should_stop: Callable[[], bool]
    rows: int = 0
    rejected: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    parts: list[Path] = field(default_factory=list)
    _spill: Spill = field(init=False)
    _rejects: list[pl.DataFrame] = field(default_factory=list)
    _doubts: list[pl.DataFrame] = field(default_factory=list)
    _unwritten: int = 0

    def __post_init__(self) -> None:
        self._spill = Spill(self.into)

    def read(self, table: Table, checker: Checker) -> None:
        bucket = (pl.col(self.kind.key).hash(seed=1) % _BUCKETS).cast(pl.UInt32).alias("_bucket")
        if self.kind.review is not None:
            bucket = pl.lit(0, pl.UInt32).alias("_bucket")
        for batch in table.batches:
            self._stop_if_told()
            checked = checker.check(batch)
            self.rows += batch.cells.height
            if self.kind.max_rows is not None and self.rows > self.kind.max_rows:
                raise imports.too_many_rows(self.kind.max_rows, self.kind.noun)
            self._doubts.append(checked.doubts)
            self._reject(checked.rejects)
            self._spill.add(self._without_repeats(checked.good).with_columns(bucket))
            self.on_progress(Progress(self.rows, table.position(), table.size, "read"))

    def write(self, size: int) -> None:
        for frame in self._buckets():
            self._stop_if_told()
            settled = only_last_counts(frame, self.kind)
            self._reject(settled.rejects)
            for part in self._chunk_sized(self._reviewed(settled.rows)):
                number = len(self.chunks)
                chunk = Chunk(number, self.into / f"chunk-{number:05d}.parquet", part.height)
                write_chunk(part, chunk.path)
                self.chunks.append(chunk)
            self.on_progress(Progress(self.rows, size, size, "write"))
        self._write_rejects()

    def _without_repeats(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A file that repeats few keys again and again must not end up in one bucket: it would not fit into memory."""
        if frame[self.kind.key].n_unique() > frame.height * _MOSTLY:
            return frame
        settled = only_last_counts(frame, self.kind)
        self._reject(settled.rejects)
        return settled.rows.drop(STANDS_IN)

    def _buckets(self) -> Iterator[pl.DataFrame]:
        buckets = self._spill.finish()
        if self._spill.is_small:
            if buckets:
                yield self._spill.take_all().drop("_bucket")
            return
        for bucket in buckets:
            yield self._spill.take(bucket).drop("_bucket")

    def _reviewed(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.kind.review is None:
            return frame
        rejects = reject_frame(self.kind.review(frame))
        self._reject(rejects)
        return frame.filter(~pl.col("_row").is_in(rejects["_row"].implode()))

    def _chunk_sized(self, frame: pl.DataFrame) -> list[pl.DataFrame]:
        if frame.height == 0:
            return []
        count = -(-frame.height // _CHUNK_ROWS)
        if count == 1 or self.kind.review is not None:
            return [frame]
        # Another part of the same hash: rows that may stand for each other stay together.
        place = (pl.col(self.kind.key).hash(seed=1) // _BUCKETS % count).alias("_place")
        return frame.with_columns(place).partition_by("_place", include_key=False)

    def _reject(self, rejects: pl.DataFrame) -> None:
        if rejects.height == 0:
            return
        self.rejected += rejects.height
        self._rejects.append(rejects)
        self._unwritten += rejects.height
        if self._unwritten >= _REJECTS_OF_PART:
            self._write_rejects()

    def _write_rejects(self) -> None:
        if not self._rejects:
            return
        part = self.into / f"rejects-{len(self.parts):05d}.arrow"
        with RejectWriter(part) as writer:
            for frame in self._rejects:
                writer.add(frame)
        self.parts.append(part)
        doubtful = pl.concat([pl.DataFrame(schema=DOUBT_SCHEMA), *self._doubts])
        if doubtful.height:
            doubtful.write_parquet(doubts_of(part))
        self._rejects, self._doubts, self._unwritten = [], [], 0

    def _stop_if_told(self) -> None:
        if self.should_stop():
            raise SplitCancelled

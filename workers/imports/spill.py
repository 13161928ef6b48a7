"""Rows sorted into buckets that together may be larger than memory."""

from pathlib import Path
from typing import Final

import polars as pl

# Held in memory before anything is written: files up to about 70,000 rows never touch the disk here.
_HELD_BYTES: Final = 16 << 20


class Spill:
    """Takes frames with a `_bucket` column and gives each bucket back whole, its rows in the order they came."""

    def __init__(self, folder: Path, held_bytes: int = _HELD_BYTES) -> None:
        self._folder = folder
        self._held_bytes = held_bytes
        self._held: list[pl.DataFrame] = []
        self._bytes = 0
        self._files: dict[int, list[Path]] = {}
        self._flushes = 0
        self._whole: pl.DataFrame | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Keep these rows."""
        if frame.height == 0:
            return
        self._held.append(frame)
        self._bytes += int(frame.estimated_size())
        if self._bytes > self._held_bytes:
            self._flush()

    def finish(self) -> list[int]:
        """The buckets that have rows; nothing may be added any more."""
        if self._files:
            self._flush()
            return sorted(self._files)
        if not self._held:
            return []
        self._whole = pl.concat(self._held)
        self._held = []
        return sorted(self._whole["_bucket"].unique())

    def take(self, bucket: int) -> pl.DataFrame:
        """One bucket; its files are gone afterwards."""
        if self._whole is not None:
            return self._whole.filter(pl.col("_bucket") == bucket)
        files = self._files.pop(bucket, [])
        frame = pl.concat([pl.read_parquet(path) for path in files])
        for path in files:
            path.unlink()
        return frame

    @property
    def is_small(self) -> bool:
        """Whether everything is still in memory."""
        return not self._files

    def take_all(self) -> pl.DataFrame:
        """Everything at once, of a spill that is small."""
        whole, self._whole = self._whole, None
        if whole is None:
            whole = pl.concat(self._held)
        return whole

    def _flush(self) -> None:
        if not self._held:
            return
        whole = pl.concat(self._held)
        self._held, self._bytes = [], 0
        for (bucket,), frame in whole.partition_by("_bucket", as_dict=True).items():
            path = self._folder / f"bucket-{bucket}-{self._flushes}.parquet"
            frame.write_parquet(path, compression="lz4")
            self._files.setdefault(int(bucket), []).append(path)
        self._flushes += 1

"""How large the parts of an uploaded file may be."""

from typing import Final, NamedTuple


class Limits(NamedTuple):
    """Sizes in bytes unless the name says otherwise; tests pass smaller ones."""

    record: int = 1 << 20
    # A block is what is read, checked and reported at once: large enough that Polars' fixed cost per call vanishes,
    # small enough that all frames made from it stay far below 100 MiB.
    block: int = 4 << 20
    unpacked: int = 16 << 30
    # Real tables pack 5 to 50 times; 200 is a bomb. Small files may reach it by being all alike.
    unpacked_ratio: int = 200
    unpacked_ratio_from: int = 64 << 20
    sheet_unpacked: int = 256 << 20
    sheet_rows: int = 200_000
    # A sheet is a rectangle in memory, however few of its cells hold anything: 20 million took 1 GB.
    sheet_cells: int = 20_000_000
    columns: int = 500


LIMITS: Final = Limits()

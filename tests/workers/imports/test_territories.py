"""Files of territories: one row per territory, its parents told the same way in all rows."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from domain.imports import FileRefused
from workers.imports.chunks import read_chunk, settle
from workers.imports.kinds import Setting
from workers.imports.registry import KINDS
from workers.imports.split import Split, split_file

Upload = Callable[[str], Path]
HEADER = "region_code,region_name,area_code,area_name,territory_code,territory_name\n"


@pytest.fixture
def splitted(upload: Upload, tmp_path: Path) -> Callable[[str], Split]:
    """Split these rows as a file of territories."""
    folder = tmp_path / "split"
    folder.mkdir()

    def run(content: str) -> Split:
        return split_file(upload(content), kind=KINDS["territories"], into=folder, setting=Setting(country="BD"))

    return run


def test_rows_that_contradict_most_others_are_rejected(splitted: Callable[[str], Split]) -> None:
    outcome = splitted(
        HEADER
        + "R1,Dhaka,A1,North,T1,Mirpur\n"
        + "R1,Dacca,A1,North,T2,Uttara\n"
        + "R2,Sylhet,A1,North,T3,Tongi\n"
        + "R1,Dhaka,A1,North,T1,Mirpur-1\n"
        + "R1,Dhaka,A2,,T4,Savar\n"
        + "R1,Dhaka,A2,South,T5,Keraniganj\n"
    )
    assert outcome.rows == outcome.rejected + sum(chunk.rows for chunk in outcome.chunks) == 6
    rejects = pl.concat([pl.read_ipc(part) for part in outcome.reject_parts]).sort("_row")
    assert rejects.select("_row", "_column", "_code").rows() == [
        (2, "territory_code", "superseded"),
        (3, "region_name", "contradicts_other_row"),
        (4, "region_code", "contradicts_other_row"),
        (6, "area_name", "required"),
    ]
    assert "R1 has region_name Dhaka in row 5, but Dacca here" in rejects["_message"][1]
    rows = settle(KINDS["territories"], read_chunk(outcome.chunks[0].path), existing=()).rows
    assert rows["territory_name"].to_list() == ["Mirpur-1", "Keraniganj"]


def test_all_columns_are_needed(splitted: Callable[[str], Split]) -> None:
    with pytest.raises(FileRefused, match="lacks the columns area_name, territory_name"):
        splitted("region_code,region_name,area_code,territory_code\nR,R,A,T\n")


def test_a_file_larger_than_memory_allows_is_refused(upload: Upload, tmp_path: Path) -> None:
    path = upload(HEADER + "".join(f"R,R,A,A,T{number},T\n" for number in range(3)))
    kind = dataclasses.replace(KINDS["territories"], max_rows=2)
    with pytest.raises(FileRefused, match="more than 2 territories"):
        split_file(path, kind=kind, into=tmp_path, setting=Setting(country="BD"))

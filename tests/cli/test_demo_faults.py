"""The demo's faults meet the importer's own rules: what is announced as faulty is rejected, and nothing else."""

from collections import Counter
from pathlib import Path

import polars as pl

from cli.demo.faults import FAULTS
from cli.demo.geography import country
from cli.demo.retailers import DemoFile, write_retailers
from workers.imports.kinds import Setting
from workers.imports.rejects import assemble_rejects
from workers.imports.retailers import KIND
from workers.imports.split import Split, split_file

RETAILERS = 60_000


def _setting() -> Setting:
    tree = country(RETAILERS)
    return Setting(
        country="BD",
        lookups={
            "territories": pl.DataFrame(
                {
                    "id": [t.code for t in tree.territories],
                    "code": [t.code for t in tree.territories],
                    "name": [t.name for t in tree.territories],
                    "area_code": [t.area.code for t in tree.territories],
                    "area_name": [t.area.name for t in tree.territories],
                    "region_code": [t.area.region.code for t in tree.territories],
                    "region_name": [t.area.region.name for t in tree.territories],
                }
            ),
            "distributors": pl.DataFrame(
                {
                    "id": [d.code for d in tree.distributors],
                    "code": [d.code for d in tree.distributors],
                    "name": [d.name for d in tree.distributors],
                }
            ),
        },
    )


def _split(folder: Path) -> tuple[DemoFile, Split]:
    made = write_retailers(folder / "retailers.csv", retailers=RETAILERS)
    (folder / "into").mkdir()
    return made, split_file(made.path, kind=KIND, into=folder / "into", setting=_setting())


def test_the_importer_takes_every_right_row_and_rejects_every_faulty_one(tmp_path: Path) -> None:
    made, split = _split(tmp_path)
    # A row without a name, phone or territory is only known to be faulty when it turns out to create.
    late = sum(made.faults[kind] for kind in ("phone missing", "name missing", "territory missing"))
    assert split.rows == made.rows
    assert split.rejected == made.faulty - late
    loaded = pl.concat([pl.read_parquet(chunk.path) for chunk in split.chunks])
    assert loaded["uid"].str.contains(r"^R\d{7}$").sum() == made.good
    assert loaded["uid"].n_unique() == loaded.height == made.good + late


def test_every_kind_of_fault_is_told_by_a_code(tmp_path: Path) -> None:
    made, split = _split(tmp_path)
    assemble_rejects(made.path, parts=split.reject_parts, into=tmp_path / "rejects.csv")
    rejects = pl.read_csv(tmp_path / "rejects.csv", infer_schema=False)
    codes = Counter(code for row in rejects["_code"] for code in row.split(" | "))
    assert len(codes) >= 15, codes
    assert len(FAULTS) >= 30

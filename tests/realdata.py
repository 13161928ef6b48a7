"""Real data that nobody here wrote, where it is present; see HAAT_REALDATA."""

import csv
import os
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

FOLDER = Path(os.environ.get("HAAT_REALDATA", ROOT.parent / "shared/data"))


def folder(name: str) -> Path:
    """The folder of one data set; skips the test, saying so, where it is absent."""
    if not (FOLDER / name).is_dir():
        pytest.skip(f"real data set {name!r} is not in {FOLDER}; set HAAT_REALDATA")
    return FOLDER / name


def bangladesh() -> list[dict[str, str]]:
    """494 upazilas in 64 districts in 8 divisions, as rows of a territories file, told apart by code."""
    place = folder("geo-bangladesh")

    def rows(name: str) -> dict[str, list[str]]:
        with (place / name / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return {row[0]: row for row in csv.reader(file)}

    divisions, districts = rows("divisions"), rows("districts")
    found = []
    for number, district_id, name, bangla, *_ in rows("upazilas").values():
        district = districts[district_id]
        division = divisions[district[1]]
        found.append(
            {
                "region_code": f"DIV-{division[0]}",
                "region_name": division[2],
                "area_code": f"DIS-{district[0]}",
                "area_name": district[3],
                "territory_code": f"UPZ-{number}",
                "territory_name": f"{name} {bangla}",
            }
        )
    return found


def stores() -> list[str]:
    """The names of the 701 stores of AdventureWorks; fields end in `+|`, rows in `&|`."""
    text = (folder("adventureworks") / "Store.csv").read_text(encoding="utf-8")
    return [row.split("+|")[1] for row in text.split("&|") if "+|" in row]

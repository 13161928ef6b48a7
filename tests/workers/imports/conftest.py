"""Files, and what the rows of an organisation are checked against."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from workers.imports.kinds import Setting

REAL_DATA = Path(os.environ.get("HAAT_REALDATA") or Path(__file__).parents[4] / "shared" / "data")

TERRITORIES = [
    ("t-1", "MIR-10", "Mirpur-10", "A-1", "Dhaka North", "R-1", "Dhaka"),
    ("t-2", "MIR-11", "মিরপুর ১১", "A-1", "Dhaka North", "R-1", "Dhaka"),
    ("t-3", "KAL-D", "Kalampur", "A-1", "Dhaka North", "R-1", "Dhaka"),
    ("t-4", "KAL-C", "Kalampur", "A-2", "Cumilla", "R-2", "Chattogram"),
]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Files nobody here wrote; skipped where they are absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real data at {REAL_DATA}; set HAAT_REALDATA to the folder that has it")
    return REAL_DATA


@pytest.fixture
def setting() -> Setting:
    """An organisation in Bangladesh with four territories and two distributors."""
    names = ["id", "code", "name", "area_code", "area_name", "region_code", "region_name"]
    return Setting(
        country="BD",
        lookups={
            "territories": pl.DataFrame(TERRITORIES, schema=dict.fromkeys(names, pl.String), orient="row"),
            "distributors": pl.DataFrame({"id": ["d-1", "d-2"], "code": ["D1", "D2"], "name": ["Meghna", "Padma"]}),
        },
    )


@pytest.fixture
def upload(tmp_path: Path) -> Callable[[bytes | str], Path]:
    """A file with these bytes."""

    def write(content: bytes | str, name: str = "upload.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write

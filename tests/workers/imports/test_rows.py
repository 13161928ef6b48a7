"""What the columns of a retailer's row admit, and what is said of the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workers.imports.chunks import read_chunk
from workers.imports.kinds import Setting
from workers.imports.retailers import KIND
from workers.imports.split import Split, split_file

Upload = Callable[[str], Path]
Rows = Callable[..., tuple[dict[str, Any], dict[str, str]]]
NEW = {"uid": "R-1", "name": "Rahim", "phone": "01712345678", "territory": "MIR-10"}


@pytest.fixture
def row(upload: Upload, setting: Setting, tmp_path: Path) -> Rows:
    """One retailer's row: what is staged of it, and its faults as column → code; messages as `column!`."""

    def check(**cells: str) -> tuple[dict[str, Any], dict[str, str]]:
        given = NEW | cells
        line = ",".join('"' + cell.replace('"', '""') + '"' for cell in given.values())
        folder = tmp_path / "split"
        folder.mkdir()
        split = split_file(upload(f"{','.join(given)}\n{line}\n"), kind=KIND, into=folder, setting=setting)
        staged = read_chunk(split.chunks[0].path).row(0, named=True) if split.chunks else {}
        return staged, _faults(split)

    return check


def _faults(split: Split) -> dict[str, str]:
    told: dict[str, str] = {}
    for part in split.reject_parts:
        for row in pl.read_ipc(part).iter_rows(named=True):
            columns = row["_column"].split(" | ")
            messages = row["_message"].split(" | ")
            for column, code, message in zip(columns, row["_code"].split(" | "), messages, strict=True):
                told |= {column: code, f"{column}!": message}
    return told


@pytest.mark.parametrize(
    ("column", "cell", "staged", "value"),
    [
        ("uid", " R-1\u00a0", "uid", "R-1"),
        ("uid", "Cafe\u0301", "uid", "Café"),
        ("name", " Rahim's  Store ", "name", " Rahim's  Store "),
        ("name", "'=Rahim", "name", "=Rahim"),
        ("name", "শাহরাস্তি\t", "name", "শাহরাস্তি\t"),
        ("phone", "০১৭১২-৩৪৫৬৭৮", "phone", "+8801712345678"),
        ("phone", "'+8801712345678", "phone", "+8801712345678"),
        ("territory", "MIR-10", "territory_id", "t-1"),
        ("territory", "mirpur-10", "territory_id", "t-1"),
        ("territory", "মিরপুর  ১১ ", "territory_id", "t-2"),
        ("distributor", "padma", "distributor_id", "d-2"),
        ("distributor", "", "distributor_id", None),
        ("routes", " Mon | Tue||Mon ", "routes", '{"Mon","Tue"}'),
        ("routes", r'a"b|c\d|{e}', "routes", r'{"a\"b","c\\d","{e}"}'),
        ("routes", " | ", "routes", None),
        ("routes", r"\N", "routes", "{}"),
        ("points", " 5 ", "points", "5"),
        ("points", r"\N", "points", "0"),
        ("points", "2147483647", "points", "2147483647"),
        ("notes", "two\nlines\tand more", "notes", "two\nlines\tand more"),
        ("notes", " ", "notes", " "),
        ("notes", "", "notes", None),
        ("active", "YES", "active", "true"),
        ("active", "0", "active", "false"),
    ],
)
def test_what_is_admitted(column: str, cell: str, staged: str, value: str | None, row: Rows) -> None:
    got, faults = row(**{column: cell})
    assert faults == {}
    assert got[staged] == value
    assert got["_clear"] == 0


@pytest.mark.parametrize(
    ("column", "cell", "code", "hint"),
    [
        ("uid", "  ", "required", "every row needs one"),
        ("uid", r"\N", "not_clearable", "leave the cell empty"),
        ("uid", "x" * 65, "too_long", "65 characters long; at most 64"),
        ("uid", "R\x071", "not_admissible_text", "U+0007"),
        ("name", " \t ", "required", "only spaces"),
        ("name", "   ", "required", "only spaces"),
        ("name", "a\nb", "not_admissible_text", "U+000A"),
        ("name", "x" * 201, "too_long", "at most 200"),
        ("name", r"\N", "not_clearable", "leave the cell empty"),
        ("notes", "a\0b", "not_admissible_text", "U+0000"),
        ("notes", "x" * 2001, "too_long", "at most 2000"),
        ("phone", "01712", "not_a_phone", "write it like 01812345678 or +8801812345678"),
        ("phone", "8.80171E+12", "not_a_phone", "format the column as text"),
        ("phone", r" \N ", "not_clearable", "leave the cell empty"),
        ("territory", "Mirpr-10", "unknown_territory", "did you mean Mirpur-10?"),
        ("territory", "Atlantis", "unknown_territory", "create it first"),
        ("territory", "Kalampur", "ambiguous_territory", "one of KAL-C, KAL-D"),
        ("distributor", "Meghn", "unknown_distributor", "did you mean Meghna?"),
        ("region", "Sylhet", "region_mismatch", "belongs to region Dhaka, not Sylhet"),
        ("area", "A-2", "area_mismatch", "belongs to area Dhaka North, not A-2"),
        ("points", "12.5", "not_an_integer", "write digits only"),
        ("points", "1e3", "not_an_integer", "Points 1e3"),
        ("points", "-1", "not_an_integer", "from 0"),
        ("points", "+5", "not_an_integer", "write digits only"),
        ("points", "2147483648", "not_an_integer", "to 2147483647"),
        ("points", "9" * 30, "not_an_integer", "to 2147483647"),
        ("points", "৫", "not_an_integer", "write digits only"),
        ("active", "maybe", "not_yes_or_no", "write true or false"),
        ("active", r"\N", "not_clearable", "leave the cell empty"),
        ("routes", "|".join(f"r{number}" for number in range(21)), "too_many_routes", "at most 20"),
        ("routes", "x" * 65, "too_long", "separate routes by |"),
        ("routes", "a\vb", "not_admissible_text", "U+000B"),
    ],
)
def test_what_is_rejected(column: str, cell: str, code: str, hint: str, row: Rows) -> None:
    staged, faults = row(**{column: cell})
    assert staged == {}
    assert {column: faults.get(column)} == {column: code}
    assert hint in faults[f"{column}!"], faults[f"{column}!"]


@pytest.mark.parametrize(
    ("lat", "lng", "faults"),
    [
        ("23.81", " 90.41 ", {}),
        ("-90", "+180", {}),
        ("", "", {}),
        (r"\N", r"\N", {}),
        ("23.81", "", {"lng": "incomplete_position"}),
        ("", "90", {"lat": "incomplete_position"}),
        (r"\N", "90", {"lat": "incomplete_position"}),
        ("90.1", "180.1", {"lat": "not_a_position", "lng": "not_a_position"}),
        ("23,81", "NaN", {"lat": "not_a_position", "lng": "not_a_position"}),
        ("1e1", "0x10", {"lat": "not_a_position", "lng": "not_a_position"}),
    ],
)
def test_positions_are_complete_and_on_earth(lat: str, lng: str, faults: dict[str, str], row: Rows) -> None:
    staged, told = row(lat=lat, lng=lng)
    assert {column: code for column, code in told.items() if not column.endswith("!")} == faults
    if not faults and lat and lat != r"\N":
        assert (staged["lat"], staged["lng"]) == (lat.strip(), lng.strip())


def test_a_position_needs_both_columns(row: Rows) -> None:
    assert row(lat="23")[1]["lat"] == "incomplete_position"


def test_clearing_sets_the_bits_of_the_columns(row: Rows) -> None:
    staged, faults = row(distributor=r"\N", notes=r"\N", lat=r"\N", lng=r" \N")
    assert faults == {}
    assert staged["_clear"] == sum(KIND.clear_bits.values()) == 15
    assert [staged[name] for name in KIND.clear_bits] == [None] * 4


def test_a_parent_tells_territories_of_one_name_apart(row: Rows) -> None:
    assert row(territory="Kalampur", region="chattogram")[0]["territory_id"] == "t-4"


def test_every_fault_of_a_row_is_told_at_once(row: Rows) -> None:
    _, faults = row(uid="", phone="1", territory="x", points="a", active="b")
    assert [column for column in faults if not column.endswith("!")] == [
        "uid", "phone", "territory", "points", "active",
    ]  # fmt: skip


def test_long_values_are_cut_in_sentences(row: Rows) -> None:
    _, faults = row(points="a" * 500)
    assert f"Points {'a' * 80}… is not" in faults["points!"]

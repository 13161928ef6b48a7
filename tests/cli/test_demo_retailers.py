"""The demo's file of retailers: the same for the same size, right but for the faults that it announces."""

import csv
import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.demo.faults import FAULTS
from cli.demo.geography import country
from cli.demo.retailers import COLUMNS, DemoFile, write_retailers

Rows = list[list[str]]


def _written(path: Path, retailers: int, seed: int = 1) -> tuple[DemoFile, Rows]:
    made = write_retailers(path / "retailers.csv", retailers=retailers, seed=seed)
    with made.path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    return made, rows


def _right(rows: Rows) -> list[dict[str, str]]:
    """The rows that are meant to load: those that end the story of a uid of ours."""
    last = {row[0]: row for row in rows if re.fullmatch(r"R\d{7}", row[0]) and len(row) == len(COLUMNS)}
    return [dict(zip(COLUMNS, row, strict=True)) for row in last.values()]


def test_the_same_size_and_seed_write_the_same_bytes(tmp_path: Path) -> None:
    first, again = (write_retailers(tmp_path / name, retailers=70_001) for name in ("a", "b"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (first.digest, first.size) == (again.digest, (tmp_path / "b").stat().st_size)
    assert write_retailers(tmp_path / "c", retailers=70_001, seed=2).digest != first.digest


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(retailers=st.integers(min_value=0, max_value=3_000), seed=st.integers(min_value=0, max_value=9))
def test_every_row_is_a_retailer_or_an_announced_fault(tmp_path: Path, retailers: int, seed: int) -> None:
    made, rows = _written(tmp_path, retailers, seed)
    assert len(rows) == made.rows == made.good + made.faulty
    assert [row["uid"] for row in _right(rows)] == [f"R{number:07d}" for number in range(1, retailers + 1)]
    assert set(made.faults) == ({fault.kind for fault in FAULTS} if retailers else set())


def test_about_three_rows_in_a_thousand_are_faulty_and_no_kind_is_rarer_than_another(tmp_path: Path) -> None:
    made, _ = _written(tmp_path, 120_000)
    assert made.faulty == 360
    assert max(made.faults.values()) - min(made.faults.values()) <= 1


@pytest.fixture(name="shops", scope="module")
def _shops(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return _right(_written(tmp_path_factory.mktemp("demo"), 20_000)[1])


def test_phones_are_different_valid_mobile_numbers_of_bangladesh(shops: list[dict[str, str]]) -> None:
    numbers = [phonenumbers.parse(shop["phone"], "BD") for shop in shops]
    assert all(re.fullmatch(r"1[3-9]\d{8}", str(number.national_number)) for number in numbers)
    assert all(phonenumbers.is_valid_number(number) for number in numbers[:2_000])
    assert len({number.national_number for number in numbers}) == len(shops)
    ways = {(shop["phone"].isascii(), re.sub(r"\d", "9", shop["phone"])) for shop in shops}
    assert len(ways) == 6


def test_territories_distributors_regions_and_areas_belong_together(shops: list[dict[str, str]]) -> None:
    tree = country(20_000)
    ambiguous = tree.ambiguous_names()
    territories = {t.code: t for t in tree.territories} | {
        t.name: t for t in tree.territories if t.name not in ambiguous
    }
    distributors = {key: d for d in tree.distributors for key in (d.code, d.name)}
    for shop in shops:
        area = territories[shop["territory"]].area
        assert distributors[shop["distributor"]].area == area
        assert shop["area"] in {"", area.code}
        assert shop["region"] in {"", area.region.code}


def test_positions_lie_in_the_box_of_the_district(shops: list[dict[str, str]]) -> None:
    tree = country(20_000)
    areas = {key: t.area for t in tree.territories for key in (t.code, t.name)}
    placed = [shop for shop in shops if shop["lat"]]
    assert all(shop["lng"] for shop in placed)
    assert 0.8 < len(placed) / len(shops) < 0.9
    for shop in placed:
        area = areas[shop["territory"]]
        assert abs(float(shop["lat"]) - area.lat) <= area.half
        assert abs(float(shop["lng"]) - area.lng) <= area.half


def test_names_mix_both_scripts_and_seldom_repeat(shops: list[dict[str, str]]) -> None:
    names = [shop["name"] for shop in shops]
    bangla = sum("\u0980" <= name[0] <= "\u09ff" for name in names)
    assert 0.4 < bangla / len(names) < 0.6
    assert len(set(names)) > 0.5 * len(names)
    assert max(map(len, names)) <= 200


def test_the_other_cells_keep_to_the_file_format(shops: list[dict[str, str]]) -> None:
    for shop in shops:
        assert shop["points"] == "" or 0 <= int(shop["points"]) <= 5_000
        assert len(shop["notes"]) <= 2_000
        assert shop["active"] in {"", "false"}
        assert shop["routes"] == "" or re.fullmatch(r"[A-Z][a-z]{2}(-[A-Z][a-z]{2})?\|Beat \d{1,2}", shop["routes"])

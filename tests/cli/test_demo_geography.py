"""The demo's sales tree is Bangladesh: every division and district, spelled as the country spells them."""

import csv
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.demo.geography import RETAILERS_PER_TERRITORY, areas, country

REAL_TREE = Path(os.environ.get("HAAT_REALDATA", Path(__file__).parents[3] / "shared" / "data")) / "geo-bangladesh"
OLDER_LATIN = {
    "Coxsbazar": "Cox's Bazar",
    "Barisal": "Barishal",
    "Jhalakathi": "Jhalokathi",
    "Chattagram": "Chattogram",
}


def _real(level: str, name_at: int) -> dict[str, str]:
    file = REAL_TREE / level / f"{level}.csv"
    if not file.exists():
        pytest.skip(f"{file} is absent: set HAAT_REALDATA to the folder of real data to compare with it")
    with file.open(encoding="utf-8", newline="") as rows:
        names = {row[name_at]: row[name_at + 1] for row in csv.reader(rows)}
    return {OLDER_LATIN.get(latin, latin): unicodedata.normalize("NFC", bangla) for latin, bangla in names.items()}


def test_all_eight_divisions_and_64_districts_are_there_under_codes_of_their_own() -> None:
    tree = country(100_000)
    assert (len(tree.regions), len({region.code for region in tree.regions})) == (8, 8)
    assert (len(tree.areas), len({area.code for area in tree.areas})) == (64, 64)


def test_divisions_are_spelled_as_in_the_real_tree() -> None:
    ours = {region.latin: unicodedata.normalize("NFC", region.bangla) for region in country(0).regions}
    assert ours == _real("divisions", 1)


def test_districts_are_spelled_as_in_the_real_tree() -> None:
    assert {area.latin: unicodedata.normalize("NFC", area.bangla) for area in areas()} == _real("districts", 2)


def test_a_districts_box_surrounds_its_town_in_the_real_tree() -> None:
    file = REAL_TREE / "districts" / "districts.csv"
    _real("districts", 2)
    with file.open(encoding="utf-8", newline="") as rows:
        towns = {OLDER_LATIN.get(row[2], row[2]): (float(row[4]), float(row[5])) for row in csv.reader(rows)}
    far = {
        area.latin: (area.lat - towns[area.latin][0], area.lng - towns[area.latin][1])
        for area in areas()
        if max(abs(area.lat - towns[area.latin][0]), abs(area.lng - towns[area.latin][1])) > 0.3
    }
    assert far == {}


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0, max_value=1_000_000))
def test_every_tree_has_unique_short_codes_and_enough_territories(retailers: int) -> None:
    tree = country(retailers)
    codes = [territory.code for territory in tree.territories]
    assert len(set(codes)) == len(codes)
    assert max(map(len, codes)) <= 11
    assert len({(territory.area.code, territory.name) for territory in tree.territories}) == len(codes)
    assert {sum(t.area is area for t in tree.territories) >= 2 for area in tree.areas} == {True}
    if retailers > 50_000:
        assert 150 <= retailers / len(codes) <= RETAILERS_PER_TERRITORY * 1.25


def test_a_larger_tree_keeps_every_territory_of_a_smaller_one() -> None:
    small = {territory.code: territory.name for territory in country(10_000).territories}
    large = {territory.code: territory.name for territory in country(300_000).territories}
    assert small.items() <= large.items()


def test_each_district_has_one_distributor_with_a_name_of_its_own() -> None:
    distributors = country(0).distributors
    assert {distributor.area.code for distributor in distributors} == {area.code for area in areas()}
    assert len({distributor.name for distributor in distributors}) == len({d.code for d in distributors}) == 64

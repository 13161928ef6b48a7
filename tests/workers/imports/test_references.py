"""Territories and distributors are found by code, or by name where only one has it."""

import polars as pl
import pytest

from domain.imports import RowFault
from workers.imports.kinds import Setting
from workers.imports.references import Distributors, Resolution, Territories


@pytest.fixture
def territories(setting: Setting) -> Territories:
    """Two areas, two regions, one name used twice."""
    return Territories(setting.lookups["territories"])


@pytest.mark.parametrize(
    ("values", "found", "codes"),
    [
        (("", "", ""), None, []),
        (("", "A-9", "nowhere"), None, []),
        (("MIR-10", "", ""), "t-1", []),
        (("MIR-10", "dhaka  north", "r-1"), "t-1", []),
        (("MIR-10", "Cumilla", "Chattogram"), None, ["area_mismatch", "region_mismatch"]),
        (("kal-c", "", ""), "t-4", []),
        (("Kalampur", "", ""), None, ["ambiguous_territory"]),
        (("Kalampur", "A-1", ""), "t-3", []),
        (("Kalampur", "", "Sylhet"), None, ["ambiguous_territory", "unknown_region"]),
        (("Mirpr-10", "Cumila", "Dhaka"), None, ["unknown_territory", "unknown_area"]),
        (("Mirpur", "", ""), None, ["unknown_territory"]),
    ],
)
def test_territories(values: tuple[str, ...], found: str | None, codes: list[str], territories: Territories) -> None:
    identity, faults = territories.resolve(values)
    assert identity == found
    assert [fault.code for fault in faults] == codes


def test_a_code_counts_before_a_name() -> None:
    rows = pl.DataFrame({"id": ["d-1", "d-2"], "code": ["North", "South"], "name": ["South", "North"]})
    assert Distributors(rows).resolve(("North",)) == ("d-1", ())


def test_guesses_are_limited() -> None:
    rows = pl.DataFrame({"id": ["d-1"], "code": ["D1"], "name": ["Meghna Distribution"]})
    distributors = Distributors(rows)
    messages = [distributors.resolve((f"Meghna Distributio{number}",))[1][0].message for number in range(600)]
    assert "did you mean" in messages[0]
    assert "did you mean" not in messages[-1]


def test_each_combination_is_asked_once(setting: Setting) -> None:
    asked: list[tuple[str, ...]] = []

    class Counting(Distributors):
        def resolve(self, values: tuple[str, ...]) -> tuple[str | None, tuple[RowFault, ...]]:
            asked.append(values)
            return super().resolve(values)

    resolution = Resolution(Counting(setting.lookups["distributors"]))
    frame = pl.DataFrame({"distributor": ["D1", "Padma", None, "D1", "D9"]})
    for _ in range(2):
        done = resolution.apply(frame)
        assert done["distributor_id"].to_list() == ["d-1", "d-2", None, "d-1", None]
        assert done["found.distributor"].to_list() == [None, None, None, None, "unknown_distributor"]
    assert len(asked) == 4

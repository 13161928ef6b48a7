"""Bangladesh as the demo organisation's sales tree: divisions, districts, territories and distributors."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

DISTRICTS_FILE = Path(__file__).with_name("districts.csv")
RETAILERS_PER_TERRITORY = 200
TERRITORIES_PER_DISTRICT = 2
RIVERS = (
    "Meghna",
    "Padma",
    "Jamuna",
    "Surma",
    "Karnaphuli",
    "Teesta",
    "Rupsha",
    "Madhumati",
    "Kushiyara",
    "Titas",
    "Turag",
)
TRADES = ("Distribution", "Trading Corporation", "Enterprise", "Agencies", "Trade International", "Traders")


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A division."""

    code: str
    latin: str
    bangla: str

    @property
    def name(self) -> str:
        """Both scripts, so that either finds it."""
        return f"{self.latin} ({self.bangla})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """A district, with its middle, half the side of a rough box around it (degrees) and its people (in 100,000)."""

    code: str
    latin: str
    bangla: str
    region: Region
    lat: float
    lng: float
    half: float
    people: int
    places: tuple[str, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Both scripts, so that either finds it."""
        return f"{self.latin} ({self.bangla})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Territory:
    """A part of a district that a few SRs walk: `DHK-MIR-10`, "Mirpur-10"."""

    code: str
    name: str
    area: Area


@dataclass(frozen=True, kw_only=True, slots=True)
class Distributor:
    """Who delivers in a district."""

    code: str
    name: str
    area: Area


@dataclass(frozen=True, kw_only=True, slots=True)
class Country:
    """The whole tree, each level in a fixed order."""

    regions: tuple[Region, ...]
    areas: tuple[Area, ...]
    territories: tuple[Territory, ...]
    distributors: tuple[Distributor, ...]

    def ambiguous_names(self) -> frozenset[str]:
        """Territory names that more than one district uses (Kaliganj, Mohanpur …)."""
        counts = Counter(territory.name for territory in self.territories)
        return frozenset(name for name, count in counts.items() if count > 1)


@cache
def areas() -> tuple[Area, ...]:
    """All 64 districts."""
    with DISTRICTS_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_area(row) for row in csv.DictReader(file))


@cache
def country(retailers: int) -> Country:
    """The tree for so many retailers: about a territory per 200, at least two per district; a larger one adds to it."""
    districts = areas()
    people = sum(area.people for area in districts)
    wanted = retailers / RETAILERS_PER_TERRITORY
    territories = (
        territory
        for area in districts
        for territory in _territories(area, max(TERRITORIES_PER_DISTRICT, round(wanted * area.people / people)))
    )
    return Country(
        regions=tuple({area.region.code: area.region for area in districts}.values()),
        areas=districts,
        territories=tuple(territories),
        distributors=tuple(_distributor(index, area) for index, area in enumerate(districts)),
    )


def _area(row: dict[str, str]) -> Area:
    region = Region(code=row["region"], latin=row["region_name"], bangla=row["region_bangla"])
    places = tuple(row["places"].split("|"))
    return Area(
        code=row["code"],
        latin=row["name"],
        bangla=row["bangla"],
        region=region,
        lat=float(row["lat"]),
        lng=float(row["lng"]),
        half=float(row["half"]),
        people=int(row["people"]),
        places=places if row["code"] == "DHK" else (f"{row['name']} Sadar", *places),
    )


def _territories(area: Area, count: int) -> list[Territory]:
    codes = _place_codes(area.places)
    made = []
    for index in range(count):
        turn, at = divmod(index, len(area.places))
        place, number = area.places[at], turn + 1
        made.append(
            Territory(
                code=f"{area.code}-{codes[at]}-{number:02d}",
                name=place if number == 1 else f"{place}-{number}",
                area=area,
            ),
        )
    return made


def _place_codes(places: tuple[str, ...]) -> list[str]:
    """Three letters per place: the first three, or the first with two later ones where those are taken."""
    codes: list[str] = []
    for place in places:
        letters = [letter for letter in place.upper() if "A" <= letter <= "Z"]
        if place.endswith(" Sadar"):
            letters = list("SDR")
        tries = (
            letters[0] + second + third for at, second in enumerate(letters[1:], start=2) for third in letters[at:]
        )
        codes.append(next(code for code in tries if code not in codes))
    return codes


def _distributor(index: int, area: Area) -> Distributor:
    river, trade = RIVERS[index % len(RIVERS)], TRADES[index % len(TRADES)]
    return Distributor(code=f"D-{area.code}-01", name=f"{river} {trade}, {area.latin}", area=area)

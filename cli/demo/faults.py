"""Every kind of fault that a file of retailers can have, made out of a right row."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from zlib import crc32

from cli.demo.geography import Country, Territory

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: which cells it overwrites (with fixed text, or depending on the row and the country), or
    how the whole line is spoilt.
    """

    kind: str
    cells: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[Row, Country], Row] | None = None
    line: Callable[[Row], str] | None = None
    keeps_uid: bool = False


def _any_territory(row: Row, tree: Country) -> Territory:
    return tree.territories[crc32(row["uid"].encode()) % len(tree.territories)]


def _near_miss(row: Row, tree: Country) -> Row:
    """`DHK-MRI-03` for `DHK-MIR-03`."""
    code = _any_territory(row, tree).code
    known = {territory.code for territory in tree.territories}
    swapped = code[:5] + code[6] + code[5] + code[7:]
    return {"territory": swapped if swapped not in known else f"{code}O"}


def _ambiguous(row: Row, tree: Country) -> Row:
    names = sorted(tree.ambiguous_names())
    # Its area would tell which one is meant.
    return {"territory": names[len(row["name"]) % len(names)], "region": "", "area": ""}


def _foreign_region(row: Row, tree: Country) -> Row:
    territory = _any_territory(row, tree)
    other = next(region for region in tree.regions if region != territory.area.region)
    return {"territory": territory.code, "region": other.code, "area": ""}


def _foreign_area(row: Row, tree: Country) -> Row:
    territory = _any_territory(row, tree)
    other = next(area for area in tree.areas if area != territory.area)
    return {"territory": territory.code, "region": "", "area": other.code}


def _too_many_cells(row: Row) -> str:
    return _line([*row.values(), "?", "?"])


def _too_few_cells(row: Row) -> str:
    return _line(list(row.values())[:3])


def _stray_quotes(row: Row) -> str:
    uid, *cells = row.values()
    return f'"{uid}"!,{_line(cells)}'


def _line(cells: list[str]) -> str:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


FAULTS: tuple[Fault, ...] = (
    Fault("phone with letters", {"phone": "call Rahim"}),
    Fault("phone too short", {"phone": "0171-23456"}),
    Fault("phone of another country", {"phone": "+15005550006999"}),
    Fault("phone missing", {"phone": ""}),
    Fault("name missing", {"name": ""}),
    Fault("name too long", {"name": "অনেক লম্বা নাম " * 20}),
    Fault("name cleared", {"name": r"\N"}),
    Fault("name with a control character", {"name": "Bell \a Store"}),
    Fault("territory missing", {"territory": "", "region": "", "area": ""}),
    Fault("territory unknown", {"territory": "NOWHERE-01"}),
    Fault("territory almost right", change=_near_miss),
    Fault("territory name in several districts", change=_ambiguous),
    Fault("region of another territory", change=_foreign_region),
    Fault("area of another territory", change=_foreign_area),
    Fault("distributor unknown", {"distributor": "D-XYZ-99"}),
    Fault("points negative", {"points": "-5"}),
    Fault("points not whole", {"points": "12.5"}),
    Fault("points in words", {"points": "many"}),
    Fault("latitude alone", {"lat": "23.8", "lng": ""}),
    Fault("latitude beyond the pole", {"lat": "123.8", "lng": "90.4"}),
    Fault("longitude beyond the date line", {"lat": "23.8", "lng": "904.1"}),
    Fault("position in words", {"lat": "north", "lng": "east"}),
    Fault("too many routes", {"routes": "|".join(f"Beat {number}" for number in range(1, 30))}),
    Fault("notes too long", {"notes": "বাকি " * 500}),
    Fault("active neither yes nor no", {"active": "perhaps"}),
    Fault("uid missing", {"uid": ""}),
    Fault("uid too long", {"uid": "R" + "0" * 70}),
    Fault("uid again further down", {"points": "1"}, keeps_uid=True),
    Fault("several faults at once", {"phone": "none", "points": "-1", "lat": "91", "lng": "181", "active": "?"}),
    Fault("too many cells", line=_too_many_cells),
    Fault("too few cells", line=_too_few_cells),
    Fault("text after a quotation mark", line=_stray_quotes),
)


def spoil(row: Row, fault: Fault, tree: Country) -> Row:
    """A copy of the row with this fault, under a uid of its own unless the fault is about the uid."""
    own = row if fault.keeps_uid else {**row, "uid": f"X{row['uid']}-{FAULTS.index(fault)}"}
    changed = fault.change(row, tree) if fault.change else {}
    return {**own, **fault.cells, **changed}

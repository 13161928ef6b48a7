"""The admin's lists, filtered but not searched: at a million retailers against the same at ten thousand."""

import statistics
import time
import uuid
from collections.abc import Sequence
from typing import Any

from bench.crowds import Crowd, crowd
from bench.results import Line
from queries._read import Position, write_cursor
from tests.stack import Stack

LARGE, SMALL = 1_000_000, 10_000
ROUNDS = 7
BAR = 1.5
LATE = write_cursor(Position("retailers", "Zakir Sikder", uuid.UUID(int=0)))


def missing() -> str | None:
    """Nothing has to be installed first."""
    return None


def measure(stack: Stack) -> Sequence[Line]:
    """ROUNDS rounds, each of all lists at both sizes, alternating list by list; p95 of each round."""
    large, small = crowd(stack, "large", LARGE), crowd(stack, "small", SMALL)
    lists = _lists()
    asked = {one: [_filled(one, path, names) for _, path, names in lists] for one in (large, small)}
    times: dict[int, list[list[float]]] = {LARGE: [], SMALL: []}
    for number in range(1 + ROUNDS):
        took = [[milliseconds(one, paths[at]) for one, paths in asked.items()] for at in range(len(lists))]
        # The first round warms what it meets.
        if number:
            times[LARGE].append([both[0] for both in took])
            times[SMALL].append([both[1] for both in took])
    by_list = {
        name: {
            str(size): round(statistics.median(took[number] for took in rounds), 2) for size, rounds in times.items()
        }
        for number, (name, _, _) in enumerate(lists)
    }
    return [
        Line(
            name=f"filter-only lists, p95 at {LARGE:,} retailers",
            unit="ms",
            ours=[percentile(took, 95) for took in times[LARGE]],
            floor=[percentile(took, 95) for took in times[SMALL]],
            floor_is=f"the same lists of an organisation of {SMALL:,} in the same database",
            limited_by=f"bar {BAR}; a page, its count up to 1,000 and the names it refers to",
            details={"bar": BAR, "lists": by_list},
        )
    ]


def _lists() -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, path, and what it is filtered by: ids of the organisation's own."""
    filters: list[tuple[str, ...]] = [
        (), ("region",), ("area",), ("territory",), ("distributor",), ("sr",), ("region", "distributor"),
        ("area", "distributor"), ("region", "sr"), ("territory", "sr"),
    ]  # fmt: skip
    found = [("+".join(names) or "all", "/retailers?", names) for names in filters]
    for flag in ("active=true", "active=false", "assigned=true", "assigned=false", "route=Sat", "route=Beat%207"):
        found += [
            (f"{flag} {name}".strip(), f"/retailers?{flag}&", (name,) if name else ())
            for name in ("", "region", "area", "territory", "distributor")
        ]
    late = [("",), ("region",), ("area",), ("distributor",), ("active=true",), ("active=false",)]
    for (name,) in late:
        flag, names = (f"{name}&", ()) if "=" in name else ("", (name,) if name else ())
        found.append((f"late {name}".strip(), f"/retailers?cursor={LATE}&{flag}", names))
    found += [("territories", "/territories?", ()), ("territories of a region", "/territories?", ("region",))]
    found += [("users", "/users?", ()), ("SRs", "/users?role=sr&", ()), ("jobs", "/jobs?", ())]
    return found


def _filled(one: Crowd, path: str, names: tuple[str, ...]) -> str:
    ids = {name: _first(one, kind) for name, kind in _KINDS.items() if name in names}
    return path + "&".join(f"{name}_id={value}" for name, value in ids.items())


_KINDS = {
    "region": "regions",
    "area": "areas",
    "territory": "territories",
    "distributor": "distributors",
    "sr": "users?role=sr&active=true",
}


def _first(one: Crowd, kind: str) -> str:
    found: list[dict[str, Any]] = one.admin.request("GET", f"/{kind}").json()["items"]
    return str(found[0]["id"])


def milliseconds(one: Crowd, path: str) -> float:
    """How long the answer takes over a connection that is kept; any other status than 200 voids the measurement."""
    began = time.perf_counter()
    one.admin.request("GET", path)
    return (time.perf_counter() - began) * 1000


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of the values that so many per cent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]

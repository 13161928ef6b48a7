"""Figures as ratios against a floor of the same run, printed as a table and kept as JSON."""

import datetime as dt
import json
import os
import platform
import statistics
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).with_name("results")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: ours and its floor, alternating; `ratios` are ours ÷ floor, pair by pair."""

    name: str
    unit: str
    ours: list[float]
    floor: list[float]
    floor_is: str
    limited_by: str
    details: dict[str, object] = {}

    @property
    def ratios(self) -> list[float]:
        return [mine / theirs for mine, theirs in zip(self.ours, self.floor, strict=True)]


def report(lines: list[Line]) -> Path:
    """Print the table and write `bench/results/<date>.json`; the file's path.

    What the file holds of other measurements of that day stays.
    """
    table = Table(box=box.SIMPLE_HEAD, title="Medians; the ratio is that of the pairs", min_width=100)
    for column in ("what", "ours", "floor", "ratio", "spread", "limited by"):
        table.add_column(column)
    for line in lines:
        table.add_row(
            line.name,
            f"{statistics.median(line.ours):,.1f} {line.unit}",
            f"{statistics.median(line.floor):,.1f} {line.unit}",
            f"{statistics.median(line.ratios):.2f}",
            f"{min(line.ratios):.2f} to {max(line.ratios):.2f}",
            line.limited_by,
        )
    Console().print(table)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{dt.datetime.now(dt.UTC):%Y-%m-%d}.json"
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    found = [{**msgspec.to_builtins(line), "ratio": statistics.median(line.ratios)} for line in lines]
    names = {line.name for line in lines}
    others = json.loads(path.read_text())["lines"] if path.exists() else []
    found = [one for one in others if one["name"] not in names] + found
    path.write_text(json.dumps({"machine": machine, "lines": found}, indent=1, ensure_ascii=False) + "\n")
    return path

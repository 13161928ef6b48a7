"""`make bench`: every measurement, its floor taken in the same run; `python -m bench NAME…` takes those alone."""

import sys
from collections.abc import Sequence
from typing import Final, Protocol

from rich.console import Console

from bench import (
    admin_lists,
    admin_search,
    assign_moves,
    export_retailers,
    fairness,
    freshness,
    import_again,
    import_reads,
    import_retailers,
    job_list,
    rebuild,
    sr_cold_books,
    sr_reads,
)
from bench.results import Line, report
from tests.stack import Stack, running_stack


class Measurement(Protocol):
    """What a module of measurements offers."""

    def missing(self) -> str | None:
        """What has to be installed first, if anything."""

    def measure(self, stack: Stack) -> Sequence[Line]:
        """Measure on a running stack that others have measured on before, in organisations of one's own."""


# In the order of measuring: what needs an empty database comes first. A module may stand under several names.
MEASUREMENTS: Final[dict[str, Measurement]] = {
    "import": import_retailers,
    "import-again": import_again,
    "import-reads": import_reads,
    "moves": assign_moves,
    "export": export_retailers,
    "fairness": fairness,
    "job-list": job_list,
    "freshness": freshness,
    "rebuild": rebuild,
    "sr-page": sr_reads.page,
    "sr-304": sr_reads.not_modified,
    "sr-detail": sr_reads.detail,
    "sr-sync": sr_reads.sync,
    "sr-search": sr_reads.search,
    "sr-cold": sr_reads.cold,
    "sr-refill": sr_cold_books.refill,
    "sr-wire": sr_reads.wire,
    "sr-writes": sr_reads.writes,
    "sr-memory": sr_cold_books.memory,
    "sr-scale": sr_cold_books.scale,
    "admin-lists": admin_lists,
    "admin-search": admin_search,
}


def main() -> None:
    """Measure on a stack of its own, durable as `make run` starts it."""
    console = Console()
    names = sys.argv[1:] or list(MEASUREMENTS)
    if unknown := set(names) - MEASUREMENTS.keys():
        sys.exit(f"There is no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}.")
    missing = {part for name in names if (part := MEASUREMENTS[name].missing())}
    if missing:
        console.print("\n".join(sorted(missing)))
        sys.exit(2)
    lines: list[Line] = []
    with running_stack(workers=2, fast=False) as stack:
        for name, measurement in MEASUREMENTS.items():
            if name in names:
                console.print(f"[dim]{name} …[/]")
                lines += measurement.measure(stack)
    console.print(f"Written to {report(lines)}")


if __name__ == "__main__":
    main()

"""`make bench`: every measurement, its floor taken in the same run."""

import sys

from rich.console import Console

from bench import import_retailers, sr_page
from bench.results import report
from tests.stack import running_stack


def main() -> None:
    """Measure on a stack of its own, durable as `make run` starts it."""
    console = Console()
    missing = [part for part in (sr_page.missing(), import_retailers.missing()) if part]
    if missing:
        console.print("\n".join(missing))
        sys.exit(2)
    with running_stack(workers=2, fast=False) as stack:
        lines = []
        for measurement in (import_retailers.measure, sr_page.measure):
            console.print(f"[dim]{measurement.__module__} …[/]")
            lines.append(measurement(stack))
    console.print(f"Written to {report(lines)}")


if __name__ == "__main__":
    main()

"""64 jobs of 8 organisations at once: how long the smallest, alone in its organisation, takes more than alone."""

import time

from bench.import_retailers import with_territories
from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack

ORGANISATIONS = 8
JOBS = 64
BIG, SMALL = 20_000, 20
PAIRS = 3


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None


def measure(stack: Stack) -> list[Line]:
    """Dry runs, of which an organisation may have several at once; the floor is the small one on an idle machine."""
    crowd = [with_territories(stack, f"crowd-{number}") for number in range(ORGANISATIONS - 1)]
    small = with_territories(stack, "alone")
    _seconds(small, _submitted(small, SMALL))
    ours, floor = [], []
    for _ in range(PAIRS):
        floor.append(_seconds(small, _submitted(small, SMALL)))
        others = [(admin, _submitted(admin, BIG)) for admin in (crowd * JOBS)[: JOBS - 1]]
        ours.append(_seconds(small, _submitted(small, SMALL)))
        for admin, job in others:
            admin.finished(job, seconds=900)
    return [
        Line(
            name=f"the smallest of {JOBS} jobs of {ORGANISATIONS} organisations, alone in its own",
            unit="s",
            ours=ours,
            floor=floor,
            floor_is="the same job on an idle machine",
            limited_by="at each of its steps the first worker to be free, then two cores that others keep busy",
            details={"rows_of_the_others": BIG, "rows": SMALL},
        )
    ]


def _submitted(admin: Person, rows: int) -> Json:
    lines = (f"F-{n},Shop {n},017{n:08},T{n % 400}" for n in range(rows))
    return admin.upload("retailers", ("uid,name,phone,territory\n" + "\n".join(lines)).encode(), mode="dry_run")


def _seconds(admin: Person, job: Json) -> float:
    started = time.monotonic()
    admin.finished(job, seconds=900)
    return time.monotonic() - started

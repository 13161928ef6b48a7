"""Moving the 70 retailers of one SR to another: from the request until both books answer with it."""

import functools
import statistics
import time

from bench.assign_people import PER_SR, people
from bench.results import Line
from tests.people import Json, Person
from tests.stack import Stack, until

MOVES = 20
PROMISED_MS = 250.0


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None


def measure(stack: Stack) -> list[Line]:
    """The same retailers go to and fro between two SRs, MOVES times."""
    first, second = people(stack, "moves", srs=2)
    admin = Person(stack.url, "admin@moves.test")
    took = []
    for number in range(MOVES):
        giver, taker = (first, second) if number % 2 == 0 else (second, first)
        ids = [shop["id"] for shop in giver.every("/sr/retailers")][:PER_SR]
        wanted: Json = {
            "select": {"retailer_ids": ids}, "to": {"sr_ids": [taker.user["id"]]}, "strategy": "all_to_one"
        }  # fmt: skip
        expect = admin.post("/assignments/preview", wanted, status=200)["expect"]
        gone = functools.partial(_lacks, giver, ids)
        come = functools.partial(_has, taker, ids)
        begun = time.monotonic()
        admin.post("/assignments", {**wanted, "expect": expect}, status=202)
        until(gone, what="the giver's book")
        until(come, what="the taker's book")
        took.append((time.monotonic() - begun) * 1000)
    p95 = round(statistics.quantiles(took, n=20)[-1], 1)
    return [
        Line(
            name=f"moving one SR's {PER_SR} retailers, p95 of {MOVES}",
            unit="ms",
            ours=[p95],
            floor=[PROMISED_MS],
            floor_is="the promise",
            limited_by=f"median {statistics.median(took):.0f} ms; the books are asked 20 times a second",
        )
    ]


def _lacks(sr: Person, ids: list[str]) -> bool:
    return not _has(sr, ids)


def _has(sr: Person, ids: list[str]) -> bool:
    """Whether the SR's first page shows one of these."""
    return any(shop["id"] in ids for shop in sr.get("/sr/retailers", limit=100)["items"])

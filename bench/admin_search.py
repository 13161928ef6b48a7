"""The admin's search at a million retailers: 200 texts, a third common, a third rare, a third that occur nowhere."""

import asyncio
import random
import statistics
from collections.abc import Sequence
from urllib.parse import quote

import asyncpg

from bench.admin_lists import LARGE, SMALL, milliseconds, percentile
from bench.crowds import Crowd, crowd
from bench.results import Line
from cli.demo.vocabulary import KINDS_BANGLA, KINDS_LATIN, MUSLIM_MEN
from tests.stack import Stack

ROUNDS = 3
QUERIES = 200
P95_BAR_MS, WORST_BAR_MS = 100, 500
LETTERS = {"latin": "abcdefghijklmnopqrstuvwxyz", "bangla": "অআইউএওকখগঘচছজঝটঠডঢণতথদধনপফবভমযরলশষসহািীুেো্"}


def missing() -> str | None:
    """Nothing has to be installed first."""
    return None


def measure(stack: Stack) -> Sequence[Line]:
    """ROUNDS rounds of all texts at both sizes, alternating text by text."""
    large, small = crowd(stack, "large", LARGE), crowd(stack, "small", SMALL)
    texts = asyncio.run(_texts(stack, large))
    sizes = {LARGE: large, SMALL: small}
    times: dict[int, list[list[tuple[str, float]]]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        took: dict[int, list[tuple[str, float]]] = {size: [] for size in sizes}
        for kind, text in texts:
            for size, one in sizes.items():
                took[size].append((kind, _asked(one, text)))
        for size in sizes:
            times[size].append(took[size])
    ours, floor = ([[one for _, one in found] for found in times[size]] for size in sizes)
    kinds = sorted({kind for kind, _ in texts})
    classes = {kind: _summary([one for found in times[LARGE] for its, one in found if its == kind]) for kind in kinds}
    slowest = sorted(zip((one for one in ours[-1]), (text for _, text in texts), strict=True), reverse=True)[:10]
    return [
        Line(
            name=f"search, p95 at {LARGE:,} retailers",
            unit="ms",
            ours=[percentile(found, 95) for found in ours],
            floor=[percentile(found, 95) for found in floor],
            floor_is=f"the same texts in an organisation of {SMALL:,} in the same database",
            limited_by=f"bars: p95 {P95_BAR_MS} ms, worst {WORST_BAR_MS} ms (was {max(map(max, ours)):.0f} ms)",
            details={
                "bar_p95_ms": P95_BAR_MS,
                "bar_worst_ms": WORST_BAR_MS,
                "all": _summary([one for found in ours for one in found]),
                "classes": classes,
                "slowest": [[text, round(one, 1)] for one, text in slowest],
            },
        )
    ]


def _asked(one: Crowd, text: str) -> float:
    return milliseconds(one, f"/retailers?q={quote(text)}")


def _summary(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(values), 1),
        "p95": round(percentile(values, 95), 1),
        "worst": round(max(values), 1),
    }


async def _texts(stack: Stack, large: Crowd) -> list[tuple[str, str]]:
    """(class, text) of QUERIES texts from two characters up, the same in every run."""
    dice = random.Random(1)  # noqa: S311  a sample
    owner = await asyncpg.connect(stack.servers.database_url)
    try:
        counted = "SELECT count(*) FROM (SELECT FROM retailers WHERE tenant_id = $1 AND ({}) LIMIT $3) found"
        by_name, by_number = "name ILIKE '%' || $2 || '%'", "phone LIKE '%' || $2 OR uid ILIKE $2 || '%'"

        async def occurs(text: str, at_most: int) -> int:
            named = int(await owner.fetchval(counted.format(by_name), large.tenant_id, text, at_most))
            return named + int(await owner.fetchval(counted.format(by_number), large.tenant_id, text, at_most))

        found = [("common", text) for text in _common(dice)]
        rows = await owner.fetch(
            "SELECT uid, phone, name FROM retailers WHERE tenant_id = $1 AND uid = ANY ($2)",
            large.tenant_id,
            [f"R{dice.randrange(1, LARGE):07}" for _ in range(20)],
        )
        rare_words = await owner.fetch(
            "SELECT name FROM retailers WHERE tenant_id = $1 AND name ~ ' [a-p]{5} ' LIMIT 2000", large.tenant_id
        )
        rare = [row["uid"] for row in rows[:11]] + [row["phone"][-8:] for row in rows[:11]]
        rare += [row["name"][: dice.randint(9, 14)].strip() for row in rows[:11]]
        words = [row["name"].split() for row in dice.sample(rare_words, 33)]
        rare += [next(word for word in name if len(word) == 5 and word.islower() and word.isascii()) for name in words]
        found += [("rare", text) for text in rare[:66]]
        nowhere: list[str] = []
        while len(nowhere) < QUERIES - len(found):
            script = dice.choice(sorted(LETTERS))
            text = "".join(dice.choices(LETTERS[script], k=dice.choice((2, 2, 2, 3, 4, 6))))
            text = dice.choice((text, text, text, f"{dice.randrange(10**9):09}", f"R9{dice.randrange(10**5)}x"))
            if await occurs(text, 1) == 0:
                nowhere.append(text)
        return found + [("nowhere", text) for text in nowhere]
    finally:
        await owner.close()


def _common(dice: random.Random) -> list[str]:
    """Fragments of the words that names are made of, ends of phone numbers of three digits, beginnings of uids."""
    names = [*KINDS_LATIN, *KINDS_BANGLA, *(word for pair in (*MUSLIM_MEN.first, *MUSLIM_MEN.last) for word in pair)]
    texts: list[str] = ["M/S", "স্টোর", "Store", "R0", "R01", "R012"]
    while len(texts) < 60:
        word = dice.choice(names)
        start = dice.randrange(max(1, len(word) - 2))
        text = word[start : start + dice.randint(2, 6)].strip()
        if len(text) > 1 and text not in texts:
            texts.append(text)
    return texts + [f"{dice.randrange(1000):03}" for _ in range(7)]

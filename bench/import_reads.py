"""How long SRs wait for their page while an import loads, against how long they wait when nothing else happens."""

import asyncio
import statistics
import time

import httpx

from bench.assign_people import PATH, people
from bench.import_retailers import PATIENCE_S, ROWS, imported, shops, with_territories
from bench.results import Line
from tests.stack import Stack

SRS = 10
PER_SECOND = 50
IDLE_SECONDS = 10.0


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None


def measure(stack: Stack) -> list[Line]:
    """Requests at a steady rate, each counted from when it was due; once idle, once for as long as the import takes."""
    tokens = [sr.token for sr in people(stack, "reads", srs=SRS)]
    admin = with_territories(stack, "while-reading")
    file = shops(ROWS)

    async def beside_import() -> list[float]:
        stop = asyncio.Event()
        reading = asyncio.create_task(_latencies(stack.url, tokens, stop))
        await asyncio.to_thread(imported, admin, file)
        stop.set()
        return await reading

    async def idle() -> list[float]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(IDLE_SECONDS, stop.set)
        return await _latencies(stack.url, tokens, stop)

    asyncio.run(idle())
    alone, beside = asyncio.run(idle()), asyncio.run(asyncio.wait_for(beside_import(), PATIENCE_S))
    return [
        Line(
            name=f"SR page of 20, p99 while {ROWS:,} retailers are imported",
            unit="ms",
            ours=[_percentile(beside, 99)],
            floor=[_percentile(alone, 99)],
            floor_is="the same requests at the same rate when nothing else happens",
            limited_by="two cores for everything: the page needs the API and Redis, the import the rest",
            details={
                "p50": [_percentile(alone, 50), _percentile(beside, 50)],
                "requests": [len(alone), len(beside)],
                "per_second": PER_SECOND,
            },
        )
    ]


async def _latencies(url: str, tokens: list[str], stop: asyncio.Event) -> list[float]:
    """Milliseconds from when each request was due to its answer; none waits for the one before."""
    answered: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asyncio.TaskGroup() as requests:
        begun = time.monotonic()
        for number in range(1_000_000):
            due = begun + number / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if stop.is_set():
                break
            requests.create_task(_ask(client, tokens[number % len(tokens)], due, answered))
    return answered


async def _ask(client: httpx.AsyncClient, token: str, due: float, answered: list[float]) -> None:
    answer = await client.get(PATH, headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    answered.append((time.monotonic() - due) * 1000)


def _percentile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100)[percent - 1], 2)

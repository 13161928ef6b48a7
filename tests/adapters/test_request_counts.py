"""Requests are counted in each process and merged through Redis; what is remembered stays small."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.redis.client import open_redis
from adapters.redis.request_counts import RequestCounts
from domain.shared.rates import Rate

RATES = {"read": Rate("read", 10, 3600)}
NOBODY = "unix:///nowhere/redis.sock"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = open_redis(redis_url)
    yield redis
    await redis.aclose()


def _passed(counts: RequestCounts, somebody: str, tries: int) -> int:
    return sum(counts.take("read", somebody) is None for _ in range(tries))


async def test_a_process_learns_what_passed_elsewhere(redis: Redis) -> None:
    one, other = RequestCounts(redis, RATES), RequestCounts(redis, RATES)
    somebody = str(uuid.uuid4())
    assert _passed(one, somebody, 6) == 6
    await one.merge()
    assert _passed(other, somebody, 1) == 1
    await other.merge()
    assert _passed(other, somebody, 10) == 3


async def test_processes_that_overshot_together_owe_one_meter_at_most(redis: Redis) -> None:
    somebody = str(uuid.uuid4())
    processes = [RequestCounts(redis, RATES) for _ in range(5)]
    for process in processes:
        assert _passed(process, somebody, 20) == 10
    for process in processes:
        await process.merge()
    over = processes[-1].take("read", somebody)
    assert over is not None
    assert over[1] <= 3600 + 360


async def test_a_flushed_redis_forgives_nothing_that_is_known_here(redis: Redis) -> None:
    counts, somebody = RequestCounts(redis, RATES), str(uuid.uuid4())
    assert _passed(counts, somebody, 6) == 6
    await counts.merge()
    await redis.delete(f"request_counts:read:{somebody}")
    assert _passed(counts, somebody, 1) == 1
    await counts.merge()
    assert _passed(counts, somebody, 10) == 3


async def test_without_redis_each_counts_alone() -> None:
    away = open_redis(NOBODY)
    counts, somebody = RequestCounts(away, RATES), str(uuid.uuid4())
    assert _passed(counts, somebody, 6) == 6
    await counts.merge()
    assert _passed(counts, somebody, 10) == 4
    await away.aclose()


async def test_memory_is_bounded_and_the_newest_are_remembered(redis: Redis) -> None:
    counts = RequestCounts(redis, RATES, remembered=100)
    for number in range(1000):
        counts.take("read", f"{number}")
    assert len(counts._meters) <= 100
    assert _passed(counts, "999", 10) == 9


async def test_a_key_in_redis_goes_when_its_meter_has_run_empty(redis: Redis) -> None:
    counts, somebody = RequestCounts(redis, RATES), str(uuid.uuid4())
    assert _passed(counts, somebody, 2) == 2
    await counts.merge()
    assert 0 < await redis.pttl(f"request_counts:read:{somebody}") <= 2 * 360_000 + 1000

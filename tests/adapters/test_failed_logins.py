"""Failed logins are counted for all processes together, and by each alone while Redis is away."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.environment import Limit
from adapters.redis.client import open_redis
from adapters.redis.failed_logins import FailedLogins
from domain.sessions import TooManyFailedLogins

NOBODY = "unix:///nowhere/redis.sock"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = open_redis(redis_url)
    yield redis
    await redis.aclose()


@pytest.fixture
async def no_redis() -> AsyncIterator[Redis]:
    redis = open_redis(NOBODY)
    yield redis
    await redis.aclose()


def _somebody() -> str:
    return f"login:{uuid.uuid4()}"


async def test_the_limit_holds_for_all_processes_and_parallel_guesses(redis: Redis) -> None:
    somebody = _somebody()
    processes = [FailedLogins(redis, Limit(5, 60)) for _ in range(2)]
    answers = await asyncio.gather(
        *(processes[n % 2].take(somebody, f"address:{uuid.uuid4()}") for n in range(20)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, TooManyFailedLogins)]
    assert len(refused) == 15
    assert 0 < refused[0].retry_after <= 60
    assert (refused[0].quota, refused[0].window) == (5, 60)


async def test_right_passwords_use_nothing_up(redis: Redis) -> None:
    limiter, somebody = FailedLogins(redis, Limit(2, 60)), _somebody()
    for _ in range(10):
        await limiter.take(somebody)
        await limiter.give_back(somebody)


async def test_one_full_subject_leaves_the_others_untouched(redis: Redis) -> None:
    limiter, login, address = FailedLogins(redis, Limit(2, 60)), _somebody(), _somebody()
    for _ in range(2):
        await limiter.take(login)
    for _ in range(10):
        with pytest.raises(TooManyFailedLogins):
            await limiter.take(login, address)
    await limiter.take(address)


@pytest.mark.parametrize("away", [False, True])
async def test_an_address_may_be_a_whole_office(redis: Redis, no_redis: Redis, away: bool) -> None:  # noqa: FBT001  # a test's parameter
    limiter, address = FailedLogins(no_redis if away else redis, Limit(2, 60)), f"address:{uuid.uuid4()}"
    for _ in range(20):
        await limiter.take(_somebody(), address)
    with pytest.raises(TooManyFailedLogins):
        await limiter.take(_somebody(), address)


async def test_there_is_room_again_after_the_window(redis: Redis) -> None:
    limiter, somebody = FailedLogins(redis, Limit(1, 1)), _somebody()
    await limiter.take(somebody)
    deadline = asyncio.get_running_loop().time() + 5
    while True:
        try:
            await limiter.take(somebody)
        except TooManyFailedLogins:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        else:
            break


async def test_without_redis_each_process_counts_alone(no_redis: Redis) -> None:
    limiter, somebody = FailedLogins(no_redis, Limit(3, 60)), _somebody()
    for _ in range(5):
        await limiter.take(somebody)
        await limiter.give_back(somebody)
    for _ in range(3):
        await limiter.take(somebody)
    with pytest.raises(TooManyFailedLogins):
        await limiter.take(somebody)
    await limiter.take(_somebody())


async def test_limits_can_be_switched_off(redis: Redis) -> None:
    limiter, somebody = FailedLogins(redis, None), _somebody()
    for _ in range(30):
        await limiter.take(somebody)

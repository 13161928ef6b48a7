"""Passwords: slow to guess, and as slow for a login that does not exist."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from adapters.passwords import Passwords, hash_password
from domain.shared.errors import Unavailable


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(threads=1)
    yield passwords
    passwords.close()


async def test_only_the_right_hashes_match(passwords: Passwords) -> None:
    hashes = [hash_password("right"), hash_password("wrong"), "no hash at all", hash_password("right")]
    assert await passwords.verify("right", hashes) == [True, False, False, True]


async def test_hashes_are_argon2id_and_salted(passwords: Passwords) -> None:
    one, other = await asyncio.gather(passwords.hash("the same"), passwords.hash("the same"))
    assert one.startswith("$argon2id$")
    assert one != other


async def test_nobody_takes_as_long_as_somebody(passwords: Passwords) -> None:
    stored = hash_password("right")

    async def cpu_seconds(hashes: list[str]) -> float:
        best = float("inf")
        for _ in range(5):
            started = time.process_time()
            assert await passwords.verify("guess", hashes) == [False] * len(hashes)
            best = min(best, time.process_time() - started)
        return best

    assert 0.5 < await cpu_seconds([]) / await cpu_seconds([stored]) < 2


async def test_hashing_leaves_the_event_loop_free(passwords: Passwords) -> None:
    hashing = asyncio.create_task(passwords.hash("a password"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_a_crowd_is_told_to_come_back(passwords: Passwords) -> None:
    answers = await asyncio.gather(*(passwords.verify("x", ["no hash"]) for _ in range(60)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(refused) == 10
    assert await passwords.verify("right", [hash_password("right")]) == [True]

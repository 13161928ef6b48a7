"""Whatever people do and whatever dies, at every pause every SR's copy is what PostgreSQL says.

Short by default; `HAAT_TEST_BOOK_ROUNDS` plays more rounds, `HAAT_TEST_SEED` repeats a run's scripts.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.faults.book_world import SAID, World
from tests.stack import Stack, running_stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(7200)]

ROUNDS = int(os.environ.get("HAAT_TEST_BOOK_ROUNDS", "2"))
ROUND_S = 5.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(apis=2, workers=2) as stack:
        yield stack


def test_every_copy_equals_postgresql_at_every_pause(stack: Stack) -> None:
    seed = int(os.environ.get("HAAT_TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"HAAT_TEST_SEED={seed}")  # noqa: T201  pytest shows it with a failure
    world = World(stack, seed, f"w{seed}")
    started = time.monotonic()
    gentle = (world.flush, world.kill("api", "api-1"), world.kill("relay"))
    # A worker's part is taken over after the lease of 15 s: only long runs have the time.
    rough = (*gentle, world.kill("redis"), world.kill("worker-0", "worker-1"))
    for round_ in range(ROUNDS):
        with world.going_on(round_, *(rough if round_ >= 2 else gentle)):
            time.sleep(ROUND_S)
        world.assert_everybody_has_their_own()
        world.take_one_from_each()
        world.assert_everybody_has_their_own()
        world.hand_over()
    print(f"{time.monotonic() - started:.1f} s", *sorted(SAID.items()), sep="\n")  # noqa: T201

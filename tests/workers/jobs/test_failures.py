"""What is worth another try, and for how long."""

import pytest

from adapters.redis.views import ViewsAway
from domain.jobs import JobFailed
from workers.jobs.failures import MAX_ATTEMPTS, classify


def test_a_refusal_is_final_at_once() -> None:
    failure = classify(JobFailed("drifted", "It has moved."), step="split", failures=0, attempt=1)
    assert (failure.error, failure.again_in_s) == ("drifted: It has moved.", None)


@pytest.mark.parametrize("attempt", [1, MAX_ATTEMPTS - 1])
def test_servers_that_are_away_use_up_no_try(attempt: int) -> None:
    failure = classify(ConnectionError("away"), step="load", failures=0, attempt=attempt)
    assert not failure.counts
    assert failure.again_in_s is not None


def test_in_the_end_even_that_counts() -> None:
    assert classify(ConnectionError("away"), step="load", failures=0, attempt=MAX_ATTEMPTS).counts


def test_rendering_waits_for_its_redis_as_long_as_it_takes() -> None:
    failure = classify(ViewsAway("away"), step="render", failures=0, attempt=100 * MAX_ATTEMPTS)
    assert not failure.counts
    assert failure.again_in_s is not None
    assert failure.again_in_s < 10


def test_a_bug_counts_and_is_tried_again_later_and_later() -> None:
    pauses = [classify(KeyError("x"), step="load", failures=number, attempt=number + 1) for number in range(5)]
    assert all(one.counts and one.again_in_s is not None for one in pauses)
    assert (pauses[4].again_in_s or 0) > (pauses[0].again_in_s or 0)

"""A rate lets through what it says, whatever the order of requests, and always recovers."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from domain.shared.rates import Meter, Rate

rates = st.builds(Rate, st.just("read"), st.integers(1, 50), st.integers(1, 3600))
gaps = st.lists(st.floats(0, 100), max_size=200)


@given(rates, gaps)
def test_no_span_sees_more_than_the_limit_and_what_leaked_meanwhile(rate: Rate, gaps: list[float]) -> None:
    meter = Meter(0.0)
    passed = [now for now in accumulate(gaps, initial=0.0) if meter.take(rate, now) == 0]
    for first, begun in enumerate(passed):
        for last, ended in enumerate(passed[first:], start=first):
            assert last - first + 1 <= rate.requests + (ended - begun) / rate.seconds_each + 1e-3


@given(rates, gaps)
def test_whoever_waits_as_told_may_pass(rate: Rate, gaps: list[float]) -> None:
    meter = Meter(0.0)
    for now in accumulate(gaps, initial=0.0):
        wait = meter.take(rate, now)
        assert 0 <= wait <= rate.seconds_each + 1e-6
    assert meter.take(rate, sum(gaps) + rate.seconds_each + 1e-3) == 0


@given(rates)
def test_a_quiet_caller_may_spend_all_at_once(rate: Rate) -> None:
    meter = Meter(0.0)
    assert all(meter.take(rate, 0.0) == 0 for _ in range(rate.requests))
    assert meter.take(rate, 0.0) > 0


@given(rates, st.floats(0, 100))
def test_what_others_used_counts_and_nothing_is_forgotten(rate: Rate, elsewhere: float) -> None:
    meter = Meter(0.0)
    meter.take(rate, 0.0)
    meter.raise_to(elsewhere, rate, 0.0)
    assert meter.level(rate, 0.0) == max(1.0, elsewhere)

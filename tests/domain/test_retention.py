"""What may go when, and what is promised until then."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.retention import GRACE, RESULTS, WORK_FILES, has_results, limits, may_retry

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ages = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=200))


@given(age=ages, later=st.timedeltas(min_value=timedelta(0), max_value=GRACE))
def test_nothing_goes_that_was_still_offered_within_the_hour(age: timedelta, later: timedelta) -> None:
    finished = NOW - age
    if may_retry(finished, NOW):
        assert finished >= limits(NOW + later).work_files
    if has_results(finished, NOW):
        assert finished >= limits(NOW + later).results


@given(age=ages)
def test_everything_goes_in_the_end(age: timedelta) -> None:
    finished = NOW - age
    assert (finished < limits(NOW).work_files) == (age > WORK_FILES + GRACE)
    assert (finished < limits(NOW).results) == (age > RESULTS + GRACE)


def test_the_periods_that_the_database_and_the_documentation_repeat() -> None:
    may_go = limits(NOW)
    assert [(NOW - one).days for one in (may_go.idempotency_keys, may_go.sessions, may_go.events)] == [30, 30, 7]
    assert [(NOW - one).days for one in (may_go.pushed_changes, may_go.sync_rejects)] == [180, 180]
    assert [(NOW - one).days for one in (may_go.dead_letters, may_go.workers)] == [90, 1]
    assert [(NOW - one).days for one in (may_go.jobs, may_go.orphans)] == [400, 2]

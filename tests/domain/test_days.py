"""Days begin when the organisation's clocks say so, also where these jump."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shared.days import begins_at, ends_at, latest_day, today


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 12, 1), "Asia/Dhaka", "2026-11-30T18:00"),
        (date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00"),
        (date(2026, 3, 30), "Europe/Berlin", "2026-03-29T22:00"),
        # The clocks skip midnight: the day begins at 01:00.
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00"),
        (date(2024, 4, 26), "Africa/Cairo", "2024-04-25T22:00"),
        # Midnight comes twice.
        (date(2025, 11, 2), "America/Havana", "2025-11-02T04:00"),
        # This day was left out: whatever was planned for it is due when the next one begins.
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_a_day_begins_at_an_instant(day: date, zone: str, instant: str) -> None:
    begin = begins_at(day, zone)
    assert begin == datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert today(begin, zone) >= day
    assert today(begin - timedelta(microseconds=1), zone) < day


@given(
    day=st.dates(date(1990, 1, 1), date(2037, 12, 31)),
    zone=st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone)),
)
def test_no_day_has_come_before_it_begins_and_each_has_when_it_does(day: date, zone: str) -> None:
    begin = begins_at(day, zone)
    assert today(begin, zone) >= day
    assert today(begin - timedelta(microseconds=1), zone) <= day
    assert ends_at(day, zone) == begins_at(day + timedelta(days=1), zone) >= begin


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_ends_of_the_calendar_have_instants(zone: str) -> None:
    assert begins_at(date.min, zone) <= ends_at(date.min, zone) < begins_at(date.max, zone) <= ends_at(date.max, zone)


@given(
    now=st.floats(631_152_000, 2_145_830_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone)),
)
def test_no_zone_is_on_a_later_day_than_the_latest(now: datetime, zone: str) -> None:
    assert latest_day(now) - timedelta(days=2) <= today(now, zone) <= latest_day(now)

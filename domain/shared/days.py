"""Calendar days as an organisation lives them: in its own time zone, whatever that does to its clocks."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

# The days beside them begin in UTC before or after all instants that there are.
_FIRST: Final = date(1, 1, 2)
_LAST: Final = date(9999, 12, 30)
# Of Kiritimati, and of Samoa in the summers until 2021.
_FURTHEST_AHEAD: Final = timedelta(hours=14)


def today(now: datetime, zone: str) -> date:
    """The day that it is at `now` in the IANA `zone`."""
    return now.astimezone(ZoneInfo(zone)).date()


def latest_day(now: datetime) -> date:
    """No organisation is on a later day at `now`: the clocks of no zone are further ahead of UTC."""
    return (now.astimezone(UTC) + _FURTHEST_AHEAD).date()


def begins_at(day: date, zone: str) -> datetime:
    """The instant in UTC at which `day` begins in the IANA `zone`.

    Where the clocks skip midnight this is the moment at which they do, where midnight comes twice the first one
    (PEP 495).
    """
    day = min(max(day, _FIRST), _LAST)
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def ends_at(day: date, zone: str) -> datetime:
    """The instant in UTC at which the day after `day` begins in the IANA `zone`."""
    return begins_at(min(day, _LAST) + timedelta(days=1), zone)

"""Calendar days as an organisation lives them: in its own time zone, whatever that does to its clocks."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def today(now: datetime, zone: str) -> date:
    """The day that it is at `now` in the IANA `zone`."""
    return now.astimezone(ZoneInfo(zone)).date()


def begins_at(day: date, zone: str) -> datetime:
    """The instant in UTC at which `day` begins in the IANA `zone`.

    Where the clocks skip midnight this is the moment at which they do, where midnight comes twice the first one
    (PEP 495).
    """
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)

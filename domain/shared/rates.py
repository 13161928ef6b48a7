"""How often is too often: so many requests in so many seconds, all at once or evenly spread."""

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """So many requests in so many seconds; `policy` is the name by which clients are told of it."""

    policy: str
    requests: int
    seconds: int

    @property
    def seconds_each(self) -> float:
        """How long it takes until there is room for one more."""
        return self.seconds / self.requests


class Meter:
    """What one caller has used up, as a bucket that leaks evenly and is full at the rate's requests (GCRA).

    Whoever was quiet for a whole period may spend it at once; no span of t seconds ever sees more than
    `requests + t / seconds_each` of them. Times are in seconds, of any clock that never goes back.
    """

    __slots__ = ("_at", "_level")

    def __init__(self, now: float) -> None:
        self._level = 0.0
        self._at = now

    def level(self, rate: Rate, now: float) -> float:
        """The requests that have not leaked out yet."""
        return max(0.0, self._level - (now - self._at) / rate.seconds_each)

    def take(self, rate: Rate, now: float) -> float:
        """0 for a request that may pass; else the seconds until one may, and nothing is used up."""
        # As `level` says, without calling anything: every request passes here.
        each = rate.seconds / rate.requests
        level = self._level - (now - self._at) / each
        if level < 0:
            level = 0.0
        # A billionth is the rounding of floats, not a request.
        if level + 1 > rate.requests + 1e-9:
            return (level + 1 - rate.requests) * each
        self._level, self._at = level + 1, now
        return 0.0

    def raise_to(self, level: float, rate: Rate, now: float) -> None:
        """Others have used some up too; what is known here already stays known."""
        self._level, self._at = max(level, self.level(rate, now)), now

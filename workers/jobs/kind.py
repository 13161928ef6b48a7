"""What a kind of job consists of: its steps, and whether it writes retailers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from workers.jobs.work import Work

Do: TypeAlias = Callable[[Work], Awaitable[None]]


class JobKind(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a kind of job; each completes its chunk inside its last transaction.

    `split` plans the chunks that `load` works on, one by one and in parallel; `finish` runs once, alone, after all
    books are fresh, whether the job succeeds, fails or is cancelled (`work.job.ending` tells), but not when `split`
    was not done.
    """

    split: Do
    load: Do
    finish: Do | None = None
    writes_retailers: bool = False


# (kind, subject) -> its steps
JobKinds: TypeAlias = Mapping[tuple[str, str], JobKind]

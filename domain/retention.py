"""How long what people do not delete themselves is kept: every period, and what may go at a given moment.

The policies of `haat_relay` in the revisions about retention and offline push hold the periods of idempotency keys,
sessions, pushed changes and sync rejects too: the database refuses to delete these sooner. Lengthen or shorten both
together.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

# A repeated request gets its first answer again for so long.
IDEMPOTENCY_KEYS: Final = timedelta(days=30)
# A change that a phone pushes again is known for so long.
PUSHED_CHANGES: Final = timedelta(days=180)
# What a phone wanted in vain is shown to admins for so long.
SYNC_REJECTS: Final = timedelta(days=180)
# After a session ended or expired.
SESSIONS: Final = timedelta(days=30)
# Events that have gone wherever they had to.
EVENTS: Final = timedelta(days=7)
# Deliveries that were given up, unless an operator sends them again.
DEAD_LETTERS: Final = timedelta(days=90)
# Background processes that nobody has heard of.
SILENT_WORKERS: Final = timedelta(days=1)
# What only a job itself reads, after its end: so long it can be retried.
WORK_FILES: Final = timedelta(days=7)
# Upload, rejects, result, chunks and before-images, after the job's end: so long it can be undone.
RESULTS: Final = timedelta(days=90)
# A job's own row, after its end; what the job left behind must have gone before.
JOBS: Final = timedelta(days=400)
# Objects in storage that belong to no job, and such as were never finished: the process died before it could tell.
ORPHANS: Final = timedelta(days=2)
# What is offered until a moment goes a little later: a request made just before finds everything still there.
GRACE: Final = timedelta(hours=1)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is older than these instants may go."""

    idempotency_keys: datetime
    pushed_changes: datetime
    sync_rejects: datetime
    sessions: datetime
    events: datetime
    dead_letters: datetime
    workers: datetime
    work_files: datetime
    results: datetime
    jobs: datetime
    orphans: datetime


def limits(now: datetime) -> Limits:
    """What may go at `now`."""
    return Limits(
        idempotency_keys=now - IDEMPOTENCY_KEYS,
        pushed_changes=now - PUSHED_CHANGES,
        sync_rejects=now - SYNC_REJECTS,
        sessions=now - SESSIONS,
        events=now - EVENTS,
        dead_letters=now - DEAD_LETTERS,
        workers=now - SILENT_WORKERS,
        work_files=now - WORK_FILES - GRACE,
        results=now - RESULTS - GRACE,
        jobs=now - JOBS,
        orphans=now - ORPHANS,
    )


def may_retry(finished_at: datetime, now: datetime) -> bool:
    """Whether what a job needs to go on is certain to be there."""
    return now < finished_at + WORK_FILES


def has_results(finished_at: datetime, now: datetime) -> bool:
    """Whether the rejects of a job are still offered."""
    return now < finished_at + RESULTS

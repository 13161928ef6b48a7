"""Acting on all jobs that a filter means, as it was seen to mean them."""

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec

from domain.assignments import Drifted
from domain.jobs import JobFilter, OnCancel
from domain.shared.errors import Invalid

Action: TypeAlias = Literal["cancel", "retry"]

# The states in which a job can be acted on, and what it becomes.
STATES: Final[Mapping[Action, tuple[str, ...]]] = MappingProxyType(
    {"cancel": ("queued", "running"), "retry": ("failed", "cancelled")}
)
OUTCOMES: Final[Mapping[Action, str]] = MappingProxyType({"cancel": "cancelled", "retry": "retried"})
# An action is a job too; acting on those would have no end.
ACTED_ON: Final = ("import", "assignment", "return", "undo", "export")
MAX_JOBS: Final = 10_000


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel or retry all that the filter means; `on_cancel` as when one job is cancelled."""

    action: Action
    filter: JobFilter = JobFilter()
    on_cancel: OnCancel = "keep"


class ExpectJobs(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview saw: how many jobs, and a digest of which; None where only the number matters."""

    count: Annotated[int, msgspec.Meta(ge=0, examples=[12])]
    digest: Annotated[str, msgspec.Meta(max_length=64, examples=["9f86d081884c7d65"])] | None = None


class ActionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would act on now; `expect` goes with the request that does it."""

    count: Annotated[int, msgspec.Meta(examples=[12])]
    expect: ExpectJobs


class NothingToActOn(Invalid):
    """The filter means no job that can be acted on in this way."""

    code = "nothing_to_act_on"
    title = "Nothing to act on"


class TooManyToActOn(Invalid):
    """The filter means more jobs than one action takes."""

    code = "too_many_to_act_on"
    title = "Too many jobs for one action"


def seen(action: Action, job_ids: Sequence[UUID]) -> ExpectJobs:
    """What there is to act on. Raises NothingToActOn, TooManyToActOn."""
    if not job_ids:
        message = f"No job of this filter can be acted on: {action} is for jobs that are {' or '.join(STATES[action])}."
        raise NothingToActOn(message)
    if len(job_ids) > MAX_JOBS:
        message = f"The filter means more than {MAX_JOBS} jobs. Narrow it, and act several times."
        raise TooManyToActOn(message)
    digest = hashlib.sha256(b"".join(sorted(job_id.bytes for job_id in job_ids))).hexdigest()[:32]
    return ExpectJobs(count=len(job_ids), digest=digest)


def check_holds(expect: ExpectJobs, now: ExpectJobs) -> None:
    """Raises Drifted when the preview no longer shows what is there."""
    if expect.count != now.count or expect.digest not in {None, now.digest}:
        changed = "other jobs" if expect.count == now.count else f"{now.count} jobs now"
        message = f"The preview showed {expect.count} jobs; there are {changed}. Preview again and decide anew."
        raise Drifted(message, count=now.count, digest=now.digest)

"""Assignments: which SR has which retailer, and how many retailers are shared out evenly."""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from domain.retailers import RetailerFilter
from domain.shared.errors import Conflict, Fault, Invalid
from domain.shared.events import Event

MAX_NAMED_RETAILERS: Final = 100_000
MAX_SRS: Final = 20_000
# So far ahead may an assignment be planned, and a loan return.
HORIZON: Final = timedelta(days=366)
NOBODY: Final = -1


class NothingSelected(Invalid):
    """The selection holds no retailer."""

    code = "nothing_selected"
    title = "Nothing selected"


class UnknownRetailers(Invalid):
    """The selection names retailers that are not there."""

    code = "unknown_retailers"
    title = "Unknown retailers"


class UnknownSrs(Invalid):
    """Retailers can only be given to active SRs of the organisation."""

    code = "unknown_srs"
    title = "Not an active SR"


class UnfitRequest(Invalid):
    """The parts of the request do not go together."""

    code = "unfit_assignment"
    title = "The assignment does not make sense"


class Drifted(Conflict):
    """The selection or its holders are not what the preview showed."""

    code = "drifted"
    title = "Changed since the preview"


class Strategy(enum.StrEnum):
    """`all_to_one`: everything to the one SR named. `balance`: so that the SRs named hold equally many."""

    ALL_TO_ONE = "all_to_one"
    BALANCE = "balance"


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which retailers: exactly one member says it. Deleted ones never count."""

    filter: RetailerFilter | None = None
    all: bool | None = None
    retailer_ids: tuple[UUID, ...] | None = None
    retailer_uids: tuple[str, ...] | None = None


class Expect(msgspec.Struct, frozen=True, kw_only=True):
    """What a preview saw: how many retailers, and a digest of which ones and who holds each."""

    count: int
    digest: str


class AssignmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Give the retailers of `select` to the SRs `to`; None takes them from whoever holds them.

    `effective_on`: when that day begins in the organisation's zone, None or today at once. `return_on`: they are lent,
    and return to whoever had them when that day begins.
    """

    select: Selection
    to: tuple[UUID, ...] | None
    strategy: Strategy = Strategy.BALANCE
    effective_on: date | None = None
    return_on: date | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How many retailers an SR holds before and after, those outside the selection included."""

    sr_id: UUID
    before: int
    after: int


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """How many retailers of the selection an SR will no longer hold."""

    sr_id: UUID
    count: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an assignment would do now; `expect` goes with the request that makes it."""

    count: int
    loads: tuple[Load, ...]
    losses: tuple[Loss, ...]
    expect: Expect


class Weighed(NamedTuple):
    """A selection as it is: how many of its retailers each SR holds (None: nobody), and what targets hold beside it."""

    expect: Expect
    held: Mapping[UUID | None, int]
    elsewhere: Mapping[UUID, int]


class RetailersAssigned(Event, frozen=True, kw_only=True, tag="assignments.retailers_assigned.v1"):
    """A chunk of a job has given retailers to other SRs, or taken them away."""

    job_id: UUID
    chunk: int


def checked(request: AssignmentRequest, *, today: date) -> AssignmentRequest:
    """The request with every SR and retailer named once, SRs in the order of their ids. Raises UnfitRequest.

    `today` is the organisation's; what is to take effect today takes effect at once.
    """
    faults = [*_selection_faults(request.select), *_target_faults(request), *_date_faults(request, today)]
    if faults:
        raise UnfitRequest("; ".join(fault.message for fault in faults), faults=faults)
    select = request.select
    return msgspec.structs.replace(
        request,
        to=None if request.to is None else tuple(sorted(set(request.to))),
        effective_on=None if request.effective_on == today else request.effective_on,
        select=msgspec.structs.replace(
            select,
            retailer_ids=select.retailer_ids and tuple(dict.fromkeys(select.retailer_ids)),
            retailer_uids=select.retailer_uids and tuple(dict.fromkeys(select.retailer_uids)),
        ),
    )


def _selection_faults(select: Selection) -> list[Fault]:
    given = [name for name in Selection.__struct_fields__ if getattr(select, name) is not None]
    if len(given) != 1:
        names = ", ".join(Selection.__struct_fields__)
        return [Fault("/select", "one_of", f"select needs exactly one of {names}; it has {len(given)} of them.")]
    if select.all is False:
        return [Fault("/select/all", "not_true", "all is true or left out.")]
    named = select.retailer_ids or select.retailer_uids or ()
    if len(named) > MAX_NAMED_RETAILERS:
        message = f"{given[0]} names {len(named)} retailers; at most {MAX_NAMED_RETAILERS} are possible: use a filter."
        return [Fault(f"/select/{given[0]}", "too_many", message)]
    return []


def _target_faults(request: AssignmentRequest) -> list[Fault]:
    if request.to is None:
        return []
    if not request.to:
        return [
            Fault("/to/sr_ids", "empty", "sr_ids names nobody: name at least one SR, or send to: null to unassign.")
        ]
    if len(request.to) > MAX_SRS:
        return [Fault("/to/sr_ids", "too_many", f"sr_ids names {len(request.to)} SRs; at most {MAX_SRS} are possible.")]
    if request.strategy is Strategy.ALL_TO_ONE and len(set(request.to)) != 1:
        message = f"all_to_one gives everything to one SR, but sr_ids names {len(set(request.to))}."
        return [Fault("/to/sr_ids", "too_many", message)]
    return []


def _date_faults(request: AssignmentRequest, today: date) -> list[Fault]:
    faults, last = [], today + HORIZON
    begins, returns = request.effective_on or today, request.return_on
    if begins < today:
        message = (
            f"effective_on {begins} is over: it is {today} in your organisation. Choose a later day or leave it out."
        )
        faults.append(Fault("/effective_on", "in_the_past", message))
    elif begins > last:
        faults.append(Fault("/effective_on", "too_late", f"effective_on {begins} is too far ahead: at most {last}."))
    if returns is None:
        return faults
    if request.to is None:
        message = "return_on lends retailers to somebody: name SRs in to, or leave return_on out to unassign."
        faults.append(Fault("/return_on", "nobody_to_lend_to", message))
    if returns <= begins:
        message = f"return_on {returns} is not after {begins}, the day on which the loan begins."
        faults.append(Fault("/return_on", "not_after_begin", message))
    elif returns > last:
        faults.append(Fault("/return_on", "too_late", f"return_on {returns} is too far ahead: at most {last}."))
    return faults


def digest(count: int, exclusive_or: int, total: int) -> str:
    """One text for a set of (retailer, holder) pairs in whatever order, from two independent hashes of each pair.

    `exclusive_or` is that of the first hashes, `total` the sum of the second ones: one in and one out shows in both.
    """
    return hashlib.sha256(f"{count}:{exclusive_or}:{total}".encode()).hexdigest()[:32]


def check_holds(expect: Expect, now: Expect) -> None:
    """Raises Drifted when the preview no longer shows what is there."""
    if expect != now:
        changed = "other retailers or holders" if expect.count == now.count else f"{now.count} retailers now"
        message = f"The preview showed {expect.count} retailers; there are {changed}. Preview again and decide anew."
        raise Drifted(message, count=now.count, digest=now.digest)


def shares(count: int, held: Sequence[int], elsewhere: Sequence[int]) -> list[int]:
    """How many of `count` selected retailers each SR is to hold, so that the loads become as even as they can.

    `held` is what each holds of the selection now, `elsewhere` what each holds beside it, which stays. Of SRs with
    equal claims those get one more who hold more now (so that fewer retailers move), then those who come first.
    """
    low, high = min(elsewhere), max(elsewhere) + count
    while low < high:
        level = (low + high + 1) // 2
        if sum(level - load for load in elsewhere if load < level) <= count:
            low = level
        else:
            high = level - 1
    given = [max(0, low - load) for load in elsewhere]
    claimants = sorted(
        (place for place, load in enumerate(elsewhere) if load <= low), key=lambda place: given[place] - held[place]
    )
    for place in claimants[: count - sum(given)]:
        given[place] += 1
    return given


def deal(holders: Sequence[int], given: Sequence[int]) -> list[int]:
    """Who gets each retailer: places in `given`, which says how many each gets.

    `holders` are the places of who has each retailer now (NOBODY: nobody, or an SR who is to have none), in the order
    in which retailers lie together. Whoever has a retailer keeps it, up to their share; the others are dealt in runs.
    """
    left = list(given)
    dealt = [NOBODY] * len(holders)
    open_places = []
    for index, holder in enumerate(holders):
        if holder != NOBODY and left[holder] > 0:
            left[holder] -= 1
            dealt[index] = holder
        else:
            open_places.append(index)
    taker = 0
    for index in open_places:
        while left[taker] == 0:
            taker += 1
        left[taker] -= 1
        dealt[index] = taker
    return dealt


def preview(request: AssignmentRequest, weighed: Weighed) -> Preview:
    """What the assignment would do to each SR's load."""
    targets = request.to or ()
    given = share_out(request, weighed)
    loads = [
        Load(
            sr_id=sr,
            before=weighed.held.get(sr, 0) + weighed.elsewhere.get(sr, 0),
            after=weighed.elsewhere.get(sr, 0) + share,
        )
        for sr, share in zip(targets, given, strict=True)
    ]
    stays = dict(zip(targets, given, strict=True))
    losses = [
        Loss(sr_id=sr, count=held - stays.get(sr, 0))
        for sr, held in weighed.held.items()
        if sr is not None and held > stays.get(sr, 0)
    ]
    losses.sort(key=lambda loss: (-loss.count, loss.sr_id))
    return Preview(count=weighed.expect.count, loads=tuple(loads), losses=tuple(losses), expect=weighed.expect)


def share_out(request: AssignmentRequest, weighed: Weighed) -> list[int]:
    """How many retailers of the selection each of `request.to` is to hold."""
    if request.to is None:
        return []
    if request.strategy is Strategy.ALL_TO_ONE:
        return [weighed.expect.count]
    return shares(
        weighed.expect.count,
        [weighed.held.get(sr, 0) for sr in request.to],
        [weighed.elsewhere.get(sr, 0) for sr in request.to],
    )


class AssignmentEnded(Event, frozen=True, kw_only=True, tag="assignments.assignment_ended.v1"):
    """An SR no longer has a retailer, because it was deleted."""

    assignment_id: UUID
    retailer_id: UUID
    sr_id: UUID

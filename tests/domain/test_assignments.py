"""Sharing out retailers: evenly, with as few moves as possible, and the same for the same state."""

import functools
import operator
import uuid
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assignments import (
    NOBODY,
    AssignmentRequest,
    Drifted,
    Expect,
    Selection,
    Strategy,
    UnfitRequest,
    Weighed,
    check_holds,
    checked,
    deal,
    digest,
    preview,
    shares,
)

TODAY = date(2026, 11, 21)
SRS = [uuid.UUID(int=number) for number in range(1, 6)]
loads = st.lists(st.integers(0, 30), min_size=1, max_size=8)


@given(loads, st.integers(0, 120))
def test_shares_add_up_and_make_the_loads_as_even_as_they_can_be(elsewhere: list[int], count: int) -> None:
    given_out = shares(count, [0] * len(elsewhere), elsewhere)
    assert sum(given_out) == count
    after = [load + share for load, share in zip(elsewhere, given_out, strict=True)]
    topped_up = [load for load, share in zip(after, given_out, strict=True) if share]
    # Nobody was given a retailer who has two more than somebody else.
    assert not topped_up or max(topped_up) - min(after) <= 1


def test_the_odd_ones_go_to_those_who_have_them_already() -> None:
    assert shares(5, [0, 3], [0, 0]) == [2, 3]
    assert shares(5, [3, 0], [0, 0]) == [3, 2]


@given(st.data())
def test_dealing_moves_no_more_than_the_shares_demand(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    holders = data.draw(st.lists(st.integers(NOBODY, count - 1), max_size=60))
    held = [holders.count(place) for place in range(count)]
    given_out = shares(len(holders), held, [0] * count)
    dealt = deal(holders, given_out)
    assert [dealt.count(place) for place in range(count)] == given_out
    stays = sum(1 for holder, taker in zip(holders, dealt, strict=True) if holder == taker)
    assert stays == sum(min(have, share) for have, share in zip(held, given_out, strict=True))


def test_what_is_dealt_lies_together() -> None:
    assert deal([NOBODY] * 6, [2, 2, 2]) == [0, 0, 1, 1, 2, 2]


def test_a_million_retailers_are_dealt_in_seconds() -> None:
    count, people = 1_000_000, 14_286
    holders = [index % people if index % 3 else NOBODY for index in range(count)]
    held = Counter(holders)
    given_out = shares(count, [held[place] for place in range(people)], [0] * people)
    dealt = Counter(deal(holders, given_out))
    assert set(dealt.values()) == {count // people, count // people + 1}


def test_a_preview_tells_loads_and_losses() -> None:
    request = AssignmentRequest(select=Selection(all=True), to=(SRS[0], SRS[1]))
    weighed = Weighed(Expect(count=8, digest="x"), {SRS[0]: 6, SRS[2]: 1, None: 1}, {SRS[1]: 2})
    shown = preview(request, weighed)
    assert [(load.sr_id, load.before, load.after) for load in shown.loads] == [(SRS[0], 6, 5), (SRS[1], 2, 5)]
    assert [(loss.sr_id, loss.count) for loss in shown.losses] == [(SRS[0], 1), (SRS[2], 1)]


def test_unassigning_takes_from_everybody() -> None:
    request = AssignmentRequest(select=Selection(all=True), to=None)
    shown = preview(request, Weighed(Expect(count=3, digest="x"), {SRS[0]: 2, None: 1}, {}))
    assert (shown.loads, [(loss.sr_id, loss.count) for loss in shown.losses]) == ((), [(SRS[0], 2)])


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1)), min_size=2, max_size=9))
def test_the_digest_depends_on_the_pairs_and_not_on_their_order(pairs: list[tuple[int, int]]) -> None:
    def of(some: list[tuple[int, int]]) -> str:
        return digest(len(some), functools.reduce(operator.xor, (a for a, _ in some)), sum(b for _, b in some))

    assert of(pairs) == of(pairs[::-1])
    assert of(pairs[1:]) != of(pairs)


def test_what_no_longer_holds_is_told_with_what_is_there() -> None:
    check_holds(Expect(count=3, digest="a"), Expect(count=3, digest="a"))
    with pytest.raises(Drifted) as refused:
        check_holds(Expect(count=3, digest="a"), Expect(count=4, digest="b"))
    assert refused.value.details == {"count": 4, "digest": "b"}


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        (AssignmentRequest(select=Selection(), to=None), "/select"),
        (AssignmentRequest(select=Selection(all=True, retailer_uids=("U1",)), to=None), "/select"),
        (AssignmentRequest(select=Selection(all=False), to=None), "/select/all"),
        (AssignmentRequest(select=Selection(all=True), to=()), "/to/sr_ids"),
        (
            AssignmentRequest(select=Selection(all=True), to=(SRS[0], SRS[1]), strategy=Strategy.ALL_TO_ONE),
            "/to/sr_ids",
        ),
    ],
)
def test_requests_whose_parts_do_not_go_together_are_refused(request_: AssignmentRequest, pointer: str) -> None:
    with pytest.raises(UnfitRequest) as refused:
        checked(request_, today=TODAY)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_everybody_and_everything_counts_once() -> None:
    request = AssignmentRequest(select=Selection(retailer_uids=("B", "A", "B")), to=(SRS[2], SRS[0], SRS[2]))
    once = checked(request, today=TODAY)
    assert (once.to, once.select.retailer_uids) == ((SRS[0], SRS[2]), ("B", "A"))

"""`Haat-Version` tokens: sealed, opaque, and ignored when they are not ours."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.keys import JwtKey
from api.haat_version import VersionSeal
from domain.books import BookSeen, BookVersion, LogSeen, Needed, Seen, needed
from domain.shared.errors import Malformed


def key(number: int) -> JwtKey:
    return JwtKey(kid=str(number), algorithm="HS256", secret=bytes([number]) * 16 + bytes(range(16)))


SEAL = VersionSeal([key(1)])
BOOKS = st.builds(BookSeen, st.uuids(), st.integers(0, 2**62), st.integers(0, 2**62), st.booleans())
SEEN = st.one_of(BOOKS, st.builds(LogSeen, st.none() | st.integers(0, 2**62)))


@given(st.lists(SEEN, max_size=5))
def test_what_was_sealed_is_opened(seen: list[Seen]) -> None:
    assert SEAL.open(" , ".join(SEAL.seal(one) for one in seen)) == tuple(seen)


@given(SEEN, st.integers(0, 10_000))
def test_a_changed_token_is_ignored(seen: Seen, place: int) -> None:
    token = SEAL.seal(seen)
    place %= len(token) - 1
    other = "A" if token[place] != "A" else "B"
    assert SEAL.open(token[:place] + other + token[place + 1 :]) == ()


def test_every_key_of_the_set_opens_and_the_first_seals() -> None:
    seen = LogSeen(5)
    old, both, new = VersionSeal([key(1)]), VersionSeal([key(2), key(1)]), VersionSeal([key(2)])
    assert both.open(old.seal(seen)) == (seen,)
    assert new.open(both.seal(seen)) == (seen,)
    assert new.open(old.seal(seen)) == ()


@pytest.mark.parametrize("header", ["x", "two words and no token", "a" * 201, ",".join(["a" * 30] * 51), "ü" * 30])
def test_what_cannot_be_a_token_is_malformed(header: str) -> None:
    with pytest.raises(Malformed):
        SEAL.open(header)


@pytest.mark.parametrize("header", [None, "", "  ", " , ,"])
def test_no_token_is_no_wish(header: str | None) -> None:
    assert SEAL.open(header) == ()


def test_the_highest_version_of_this_very_book_counts() -> None:
    own, other = uuid.uuid4(), uuid.uuid4()
    seen: list[Seen] = [
        BookSeen(own, 1, 9, True),
        BookSeen(own, 2, 3, True),
        BookSeen(own, 2, 1, True),
        BookSeen(other, 7, 7, False),
        LogSeen(99),
    ]
    assert needed(seen, own) == Needed(at=BookVersion(2, 3), render_first=False)
    assert needed([*seen, BookSeen(own, 0, 0, False)], own).render_first
    assert needed([], own) == Needed()

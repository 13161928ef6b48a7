"""What people may be called, and what they log in with."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shared.errors import Invalid
from domain.users import canonical_login, new_login, new_name


@given(st.text(max_size=60))
def test_a_canonical_login_stays_what_it_is(login: str) -> None:
    canonical = canonical_login(login)
    assert canonical_login(canonical) == canonical
    assert canonical_login(f" {login}\n") == canonical
    assert canonical_login(unicodedata.normalize("NFD", login)) == canonical


@given(st.text(max_size=60))
def test_whoever_gets_a_login_can_log_in_with_what_they_typed(login: str) -> None:
    try:
        stored = new_login(login)
    except Invalid:
        return
    assert stored
    assert not any(character.isspace() for character in stored)
    assert canonical_login(login) == stored


@pytest.mark.parametrize("login", ["", "  ", "two words", "tab\there", "nul\0", "x" * 201])
def test_a_login_nobody_could_type_is_refused(login: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_login(login)
    assert [fault.pointer for fault in refused.value.faults] == ["/login"]


@pytest.mark.parametrize("name", ["রহিমা খাতুন", " spaces stay ", "O'Brien; DROP TABLE users", "👩🏽‍🌾"])
def test_a_name_is_stored_as_sent(name: str) -> None:
    assert new_name(name) == name


@pytest.mark.parametrize("name", ["", "  ", "nul\0", "x" * 201])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        new_name(name)

"""Which refresh token goes on with a session, and which ends it."""

import uuid
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.sessions import ACCESS_TOKEN_SECONDS, REPEAT_WINDOW, SESSION_LIFETIME, Refresh, Session, refresh
from domain.shared.actor import Role

START = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(
    tenant_id=uuid.uuid4(),
    id=uuid.uuid4(),
    user_id=uuid.uuid4(),
    role=Role.SR,
    auth_version=1,
    generation=1,
    rotated_at=START,
    expires_at=START + SESSION_LIFETIME,
)
# What a client sends: a token so many generations old, so many seconds after the last request.
REQUESTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 200)), max_size=30)


@given(REQUESTS)
def test_only_the_newest_token_and_for_a_minute_the_one_before_go_on(requests: list[tuple[int, int]]) -> None:
    session, now = SESSION, START
    for age, seconds in requests:
        now += timedelta(seconds=seconds)
        generation = session.generation - age
        if generation < 1:
            continue
        decision = refresh(session, generation, now)
        if age == 0:
            assert decision is Refresh.ROTATE
            session = msgspec.structs.replace(session, generation=session.generation + 1, rotated_at=now)
        elif age == 1 and now - session.rotated_at <= timedelta(seconds=60):
            assert decision is Refresh.REPEAT
        else:
            assert decision is Refresh.REUSED


@given(st.integers(1, 5), st.integers(0, 100))
def test_nothing_goes_on_after_the_end(generation: int, days: int) -> None:
    ended = msgspec.structs.replace(SESSION, generation=3, ended_at=START)
    assert refresh(ended, generation, START) is Refresh.OVER
    late = START + SESSION_LIFETIME + timedelta(days=days)
    assert refresh(SESSION, generation, late) is Refresh.OVER


def test_a_token_of_a_generation_to_come_ends_nothing() -> None:
    assert refresh(SESSION, SESSION.generation + 1, START) is Refresh.OVER


def test_what_is_promised_outside() -> None:
    assert ACCESS_TOKEN_SECONDS <= 900
    assert timedelta(seconds=60) == REPEAT_WINDOW

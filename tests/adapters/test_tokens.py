"""Tokens: only ours, only for a while, and never one kind for the other."""

import base64
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.keys import JwtKey
from adapters.tokens import BadTokenError, Tokens
from domain.sessions import ACCESS_TOKEN_SECONDS, Session
from domain.shared.actor import Role

OLD, NEW = (JwtKey(kid=kid, algorithm="HS256", secret=kid.encode() * 16) for kid in ("2025", "2026"))
SESSION = Session(
    tenant_id=uuid.uuid4(),
    id=uuid.uuid4(),
    user_id=uuid.uuid4(),
    role=Role.SR,
    auth_version=1,
    generation=7,
    rotated_at=datetime.now(UTC),
    expires_at=datetime.now(UTC) + timedelta(days=30),
)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens([NEW, OLD])


def test_an_access_token_says_who_by_which_session_and_for_how_long(tokens: Tokens) -> None:
    access = tokens.verify_access(tokens.access_token(SESSION))
    assert (access.tenant_id, access.user_id) == (SESSION.tenant_id, SESSION.user_id)
    assert (access.session_id, access.role) == (SESSION.id, Role.SR)
    assert abs(access.expires_at - time.time() - ACCESS_TOKEN_SECONDS) < 5


def test_every_key_of_the_set_verifies_and_others_do_not(tokens: Tokens) -> None:
    before = Tokens([OLD])
    assert tokens.verify_access(before.access_token(SESSION)).session_id == SESSION.id
    assert tokens.verify_refresh(before.refresh_token(SESSION)).session_id == SESSION.id
    with pytest.raises(BadTokenError, match="key that is not in use"):
        before.verify_access(tokens.access_token(SESSION))
    with pytest.raises(BadTokenError):
        before.verify_refresh(tokens.refresh_token(SESSION))


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "haat", "sub": str(SESSION.user_id), "tid": str(SESSION.tenant_id), "sid": str(SESSION.id),
        "role": "sr", "iat": now, "exp": now + 600,
    }  # fmt: skip
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _signed(claims: dict[str, Any], *, algorithm: str = "HS256", secret: bytes = NEW.secret, kid: str = "2026") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm, headers={"kid": kid})


def test_a_token_made_by_these_rules_is_taken(tokens: Tokens) -> None:
    assert tokens.verify_access(_signed(_claims())).user_id == SESSION.user_id


@pytest.mark.parametrize("missing", ["exp", "iat", "iss", "sub", "tid", "sid", "role"])
def test_no_claim_may_be_missing(tokens: Tokens, missing: str) -> None:
    with pytest.raises(BadTokenError):
        tokens.verify_access(_signed(_claims(**{missing: None})))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "é" * 40,
        "x" * 5000,
        _signed(_claims(), secret=OLD.secret),
        _signed(_claims(), kid="2024"),
        _signed(_claims(), algorithm="HS512"),
        _signed(_claims(iss="somebody")),
        _signed(_claims(role="owner")),
        _signed(_claims(sub="me")),
        jwt.encode(_claims(), NEW.secret, algorithm="HS256"),
        jwt.encode(_claims(), "", algorithm="none", headers={"kid": "2026"}),
    ],
)
def test_what_is_not_ours_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(BadTokenError):
        tokens.verify_access(token)


def test_clocks_may_differ_by_30_seconds_and_no_more(tokens: Tokens) -> None:
    now = int(time.time())
    for claims in (_claims(iat=now + 20, exp=now + 600), _claims(iat=now - 600, exp=now - 20)):
        assert tokens.verify_access(_signed(claims)).session_id == SESSION.id
    with pytest.raises(BadTokenError, match="expired"):
        tokens.verify_access(_signed(_claims(iat=now - 600, exp=now - 40)))


def test_a_remembered_token_expires_too(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.access_token(SESSION)
    tokens.verify_access(token)
    later = time.time() + ACCESS_TOKEN_SECONDS + 31
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(BadTokenError, match="expired"):
        tokens.verify_access(token)


def test_a_refresh_token_is_the_same_for_its_generation_and_another_for_the_next(tokens: Tokens) -> None:
    token = tokens.refresh_token(SESSION)
    assert tokens.refresh_token(SESSION) == token
    named = tokens.verify_refresh(token)
    assert (named.tenant_id, named.session_id, named.generation) == (SESSION.tenant_id, SESSION.id, 7)
    assert tokens.refresh_token(msgspec.structs.replace(SESSION, generation=8)) != token


@given(position=st.integers(0, 71), bit=st.integers(0, 7))
def test_no_bit_of_a_refresh_token_can_be_changed(position: int, bit: int) -> None:
    tokens = Tokens([NEW, OLD])
    raw = bytearray(base64.urlsafe_b64decode(tokens.refresh_token(SESSION) + "==="))
    raw[position] ^= 1 << bit
    with pytest.raises(BadTokenError):
        tokens.verify_refresh(base64.urlsafe_b64encode(raw).decode().rstrip("="))


@given(st.text(max_size=120))
def test_no_text_passes_for_a_refresh_token(text: str) -> None:
    with pytest.raises(BadTokenError):
        Tokens([NEW]).verify_refresh(text)


def test_one_kind_never_passes_for_the_other(tokens: Tokens) -> None:
    with pytest.raises(BadTokenError):
        tokens.verify_access(tokens.refresh_token(SESSION))
    with pytest.raises(BadTokenError):
        tokens.verify_refresh(tokens.access_token(SESSION))

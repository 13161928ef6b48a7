"""Tokens: signed access tokens that live for minutes, and refresh tokens that are derived, never stored."""

import base64
import binascii
import hashlib
import hmac
import struct
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import jwt
import msgspec

from adapters.keys import JwtKey
from domain.sessions import ACCESS_TOKEN_SECONDS, Session
from domain.shared.actor import Role

LEEWAY_SECONDS: Final = 30
_ISSUER: Final = "haat"
_REQUIRED: Final = ["exp", "iat", "iss", "sub", "tid", "sid", "role"]
_REMEMBERED: Final = 20_000
_LONGEST: Final = 4096
# Tenant, session, generation.
_REFRESH: Final = struct.Struct(">16s16sQ")
_REFRESH_PURPOSE: Final = b"haat refresh token 1"


class BadTokenError(Exception):
    """Not one of ours, or no longer; the message may be shown to whoever sent it."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says: who, in which organisation, as what, by which session."""

    tenant_id: UUID
    user_id: UUID
    role: Role
    session_id: UUID
    expires_at: int


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """Which session may go on, and with which generation of its refresh tokens."""

    tenant_id: UUID
    session_id: UUID
    generation: int


class Tokens:
    """Signs with the first key of the set, verifies with any. One per process."""

    def __init__(self, keys: Sequence[JwtKey]) -> None:
        self._signing = keys[0]
        self._keys = {key.kid: key for key in keys}
        self._known: OrderedDict[bytes, Access] = OrderedDict()

    def access_token(self, session: Session) -> str:
        """A JSON Web Token (RFC 7519) for the session, good for ACCESS_TOKEN_SECONDS from now."""
        now = int(time.time())
        claims = {
            "iss": _ISSUER,
            "sub": str(session.user_id),
            "tid": str(session.tenant_id),
            "sid": str(session.id),
            "role": session.role.value,
            "iat": now,
            "exp": now + ACCESS_TOKEN_SECONDS,
        }
        key = self._signing
        return jwt.encode(claims, key.secret, algorithm=key.algorithm, headers={"kid": key.kid})

    def verify_access(self, token: str) -> Access:
        """What the token says. Raises BadTokenError."""
        if len(token) > _LONGEST:
            raise BadTokenError("The access token is too long to be one of ours.")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        access = self._known.get(digest)
        if access is not None:
            self._known.move_to_end(digest)
        else:
            access = self._known[digest] = self._decode(token)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        if access.expires_at + LEEWAY_SECONDS <= time.time():
            del self._known[digest]
            raise BadTokenError("The access token has expired. Refresh it, or log in again.")
        return access

    def _decode(self, token: str) -> Access:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(kid) if isinstance(kid, str) else None
            if key is None:
                raise BadTokenError("The access token was signed with a key that is not in use here. Log in again.")
            claims = jwt.decode(
                token,
                key.secret,
                algorithms=[key.algorithm],
                leeway=LEEWAY_SECONDS,
                issuer=_ISSUER,
                options={"require": _REQUIRED},
            )
            return Access(
                tenant_id=UUID(claims["tid"]),
                user_id=UUID(claims["sub"]),
                role=Role(claims["role"]),
                session_id=UUID(claims["sid"]),
                expires_at=int(claims["exp"]),
            )
        except jwt.ExpiredSignatureError:
            raise BadTokenError("The access token has expired. Refresh it, or log in again.") from None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            raise BadTokenError("The access token is not one of ours. Log in again.") from None

    def refresh_token(self, session: Session) -> str:
        """The token of the session's present generation: the same at every call."""
        body = _REFRESH.pack(session.tenant_id.bytes, session.id.bytes, session.generation)
        return base64.urlsafe_b64encode(body + _sealed(self._signing, body)).decode("ascii").rstrip("=")

    def verify_refresh(self, token: str) -> RefreshToken:
        """What the token names; whether that session still lives is for PostgreSQL to say. Raises BadTokenError."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        body, seal = raw[: _REFRESH.size], raw[_REFRESH.size :]
        # Every key is tried, so that the time tells nothing of which one.
        matches = [hmac.compare_digest(_sealed(key, body), seal) for key in self._keys.values()]
        if len(body) != _REFRESH.size or not any(matches):
            raise BadTokenError("The refresh token is not one of ours. Log in again.")
        tenant, session, generation = _REFRESH.unpack(body)
        return RefreshToken(tenant_id=UUID(bytes=tenant), session_id=UUID(bytes=session), generation=generation)


def _sealed(key: JwtKey, body: bytes) -> bytes:
    """The HMAC under a key of its own, so that no access token can ever pass for a refresh token."""
    derived = hmac.digest(key.secret, _REFRESH_PURPOSE, "sha256")
    return hmac.digest(derived, body, "sha256")

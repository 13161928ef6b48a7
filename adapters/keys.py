"""Secrets: the key set that signs access tokens, and what a development machine makes up for itself."""

import base64
import binascii
import os
import secrets
import tempfile
from pathlib import Path

import msgspec

SHORTEST_SECRET_BYTES = 32
# The key identifiers a development machine makes; production refuses them.
DEVELOPMENT_KID = "development-"


class JwtKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key of the set: the first signs, all verify."""

    kid: str
    algorithm: str
    secret: bytes

    def __repr__(self) -> str:
        return f"JwtKey(kid={self.kid!r}, algorithm={self.algorithm!r})"


class _Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """One symmetric key as RFC 7517 and RFC 7518 (6.4) write it."""

    kid: str
    kty: str
    k: str
    alg: str = "HS256"


class _JwkSet(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[_Jwk]


def parse_jwt_keys(document: str) -> tuple[JwtKey, ...]:
    """Read a JSON Web Key Set; ValueError says what is wrong without showing a secret."""
    try:
        keys = msgspec.json.decode(document, type=_JwkSet).keys
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if not keys:
        raise ValueError("no key in it")
    if len({key.kid for key in keys}) != len(keys):
        raise ValueError("the same kid twice")
    return tuple(_jwt_key(key) for key in keys)


def development_jwt_keys(home: Path) -> str:
    """The key set of this home, made at its first use."""
    secret = base64.urlsafe_b64encode(secrets.token_bytes(48)).rstrip(b"=").decode("ascii")
    made = _JwkSet(keys=[_Jwk(kid=DEVELOPMENT_KID + secrets.token_hex(4), kty="oct", k=secret)])
    return keep_secret(home / "keys" / "jwt.json", msgspec.json.encode(made).decode("ascii"))


def development_app_password(home: Path) -> str:
    """The password of the role haat_app on a development server given by DATABASE_URL alone."""
    return keep_secret(home / "keys" / "haat_app.password", secrets.token_urlsafe(24))


def keep_secret(path: Path, made: str) -> str:
    """What the file holds; written with `made` when it is missing, whole or not at all, for its owner's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(made)
            # A link fails where a rename would replace: of several processes that start at once, the first wins.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            Path(partial).unlink()
    return path.read_text("ascii").strip()


def _jwt_key(key: _Jwk) -> JwtKey:
    if not key.kid.strip():
        raise ValueError("a key has no kid")
    if key.kty != "oct" or key.alg != "HS256":
        raise ValueError(f'key {key.kid!r}: only "kty": "oct" with "alg": "HS256" is supported')
    try:
        secret = base64.b64decode(key.k + "=" * (-len(key.k) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"key {key.kid!r}: k is not base64url") from None
    if len(secret) < SHORTEST_SECRET_BYTES or len(set(secret)) == 1:
        raise ValueError(f"key {key.kid!r}: k must hold at least {SHORTEST_SECRET_BYTES} random bytes")
    return JwtKey(kid=key.kid, algorithm=key.alg, secret=secret)

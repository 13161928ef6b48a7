"""Users: the admins and sales representatives of an organisation."""

import re
import unicodedata
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec

from domain.shared.actor import Role
from domain.shared.errors import Conflict, Fault, Invalid
from domain.shared.events import Event
from domain.shared.text import MAX_NAME_LENGTH, TextFault, text_fault

MAX_LOGIN_LENGTH: Final = 200
SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 200
HAS_SPACES: Final = "has_spaces"

_SPACE = re.compile(r"\s")

Login: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_LOGIN_LENGTH,
        description="Unique in the organisation, without spaces; upper and lower case are the same.",
        examples=["rahima@acme.example"],
    ),
]
UserName: TypeAlias = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=MAX_NAME_LENGTH, description="In any script.", examples=["রহিমা খাতুন"]),
]
NewPassword: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        description=f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
        examples=["four words beat one"],
    ),
]


class OwnAccount(Conflict):
    """Admins keep their own account: otherwise the last one could lock everybody out."""

    code = "own_account"
    title = "Not for your own account"


class WrongCurrentPassword(Invalid):
    """Whoever wants to change a password must know it."""

    code = "wrong_current_password"
    title = "Wrong current password"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user as admins see them; `version` only grows."""

    id: UUID
    login: str
    name: str
    role: Role
    active: bool
    version: int


class UserCreated(Event, frozen=True, kw_only=True, tag="users.user_created.v1"):
    """A user is there; those from a file cannot log in before they are given a password."""

    user_id: UUID
    role: Role


class UserUpdated(Event, frozen=True, kw_only=True, tag="users.user_updated.v1"):
    """A user has another name, role or password, or may or may no longer log in."""

    user_id: UUID


class UserDeleted(Event, frozen=True, kw_only=True, tag="users.user_deleted.v1"):
    """A user is gone, and their login is free."""

    user_id: UUID


def canonical_login(login: str) -> str:
    """The login as it is stored and looked up: trimmed, composed (NFC), in lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", login.strip()).lower())


def new_login(login: str) -> str:
    """The canonical login. Raises Invalid when nobody could log in with it."""
    canonical = canonical_login(login)
    if not canonical:
        raise _refused("/login", "empty", "The login is empty.")
    if (fault := login_fault(canonical)) is not None:
        raise _refused("/login", fault.code, f"login {fault.message}")
    return canonical


def login_fault(canonical: str) -> TextFault | None:
    """Why nobody could log in with a canonical login that is not empty; None when somebody could."""
    if _SPACE.search(canonical):
        return TextFault(HAS_SPACES, "has spaces in it: write it without any, such as rahima@acme.example.")
    return text_fault(canonical, max_length=MAX_LOGIN_LENGTH)


def new_name(name: str) -> str:
    """The name as sent. Raises Invalid when there is nothing to read."""
    if not name.strip():
        raise _refused("/name", "empty", "The name is empty.")
    if (fault := text_fault(name, max_length=MAX_NAME_LENGTH)) is not None:
        raise _refused("/name", fault.code, f"name {fault.message}")
    return name


def _refused(pointer: str, code: str, message: str) -> Invalid:
    return Invalid(message, faults=[Fault(pointer, code, message)])

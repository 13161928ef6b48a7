"""Changes that an SR's phone made without a network: which of them are made here, field by field, and why not the rest.

Three states meet: the field as the phone knew it (`base_version` of the retailer), as the phone wants it, and as it is.
A field that nobody else has changed since is set; one that somebody else has changed since stays as it is.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from domain.retailers import OWN_FIELDS, OwnRetailerChanges, Retailer
from domain.shared.errors import Fault

MAX_CHANGES: Final = 200
# More of what a phone wanted is not kept for the admin; the longest valid change is shorter.
MAX_KEPT_BYTES: Final = 32_768
LARGEST_VERSION: Final = 2**63 - 1

APPLIED: Final = "applied"
CONFLICT: Final = "conflict"
REJECTED: Final = "rejected"
Status: TypeAlias = Literal["applied", "conflict", "rejected"]

CHANGED_SINCE: Final = "changed_since"
TAKEN_AWAY: Final = "taken_away"
NOT_YOURS: Final = "not_yours"
UNKNOWN_BASE_VERSION: Final = "unknown_base_version"
CHANGE_ID_REUSED: Final = "change_id_reused"
INVALID_CHANGE: Final = "invalid_change"
UNREADABLE_CHANGE: Final = "unreadable_change"


class OwnChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change of one retailer, made on a phone."""

    id: Annotated[
        UUID, msgspec.Meta(description="Made by the phone, once for each change; an item that was sent never changes.")
    ]
    retailer_id: UUID
    base_version: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            description="The retailer's `version` as the phone last pulled it before this change.",
            examples=[3],
        ),
    ]
    fields: OwnRetailerChanges


class SentChange(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read of an item, right or wrong, for whoever looks into it afterwards."""

    id: UUID | None = None
    retailer_id: UUID | None = None
    base_version: int | None = None
    fields: Any = None


class ChangeError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item was not, or not wholly, applied."""

    code: Annotated[str, msgspec.Meta(examples=[CHANGED_SINCE])]
    message: Annotated[
        str, msgspec.Meta(examples=["Somebody else has changed points since version 3, and that stays."])
    ]
    fields: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="With `changed_since`: the fields that stay as they are.", examples=[["points"]]),
    ] = ()
    errors: Annotated[
        tuple[Fault, ...], msgspec.Meta(description="With `invalid_change`: every fault of the item.")
    ] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an item when it first came; `duplicate` when that was an earlier time."""

    status: Status
    error: ChangeError | None = None
    duplicate: bool = False


class FieldChange(msgspec.Struct, frozen=True, array_like=True):
    """The last change of a field: at which version of the retailer and by which user, None for a job.

    `others_at` is the last version at which somebody else than that user had changed it, 0 when nobody had.
    """

    at: int
    by: UUID | None
    others_at: int


class FieldHistory(msgspec.Struct, frozen=True, kw_only=True):
    """When the fields that SRs change last changed; None: never since the retailer was created.

    `unknown`: the retailer is older than this history, and may have changed unseen before the first entry.
    """

    points: FieldChange | None = None
    routes: FieldChange | None = None
    notes: FieldChange | None = None
    unknown: bool = False


class Merged(NamedTuple):
    """The retailer as it should be, and the fields in which the phone's change is lost."""

    retailer: Retailer
    lost: tuple[str, ...]


def merge(stored: Retailer, wanted: Retailer, history: FieldHistory, *, base_version: int, sr_id: UUID) -> Merged:
    """`stored` with those fields of `wanted` that nobody but this SR has changed since `base_version`.

    A field that holds already what is wanted is neither changed nor lost, whoever set it.
    """
    differing = [field for field in OWN_FIELDS if getattr(wanted, field) != getattr(stored, field)]
    lost = tuple(
        field for field in differing if others_changed_at(history, field, stored.version, sr_id) > base_version
    )
    taken = {field: getattr(wanted, field) for field in differing if field not in lost}
    return Merged(msgspec.structs.replace(stored, **taken), lost)


def others_changed_at(history: FieldHistory, field: str, version: int, sr_id: UUID) -> int:
    """The last version, up to the present one, at which somebody else than the SR changed the field; 0: none.

    What an SR has changed themself is no reason to refuse their next change: a phone that has made two in a row sends
    both with the version that it pulled before the first.
    """
    last: FieldChange | None = getattr(history, field)
    if last is None:
        return version if history.unknown else 0
    return last.others_at if last.by == sr_id else last.at


def applied() -> Outcome:
    """Everything that was wanted is so."""
    return Outcome(status=APPLIED)


def conflict(lost: Sequence[str], base_version: int) -> Outcome:
    """Somebody else was faster with these fields; the others are as they were wanted."""
    message = f"Somebody else has changed {' and '.join(lost)} since version {base_version}, and that stays."
    return Outcome(status=CONFLICT, error=ChangeError(code=CHANGED_SINCE, message=message, fields=tuple(lost)))


def rejected(code: str, message: str, errors: Sequence[Fault] = ()) -> Outcome:
    """Nothing of it is made."""
    return Outcome(status=REJECTED, error=ChangeError(code=code, message=message, errors=tuple(errors)))


def not_held(*, once_held: bool) -> Outcome:
    """The SR does not have the retailer; `once_held` tells that they had it at some time."""
    if once_held:
        message = "This retailer was taken away from you or deleted. Your administrator can see what you wanted."
        return rejected(TAKEN_AWAY, message)
    return rejected(NOT_YOURS, "There is no such retailer among yours.")


def unknown_base(base_version: int, version: int) -> Outcome:
    """The phone names a version that has not been yet, as after a restored backup."""
    message = f"The retailer is at version {version} and was never at {base_version}. Pull it, then change it again."
    return rejected(UNKNOWN_BASE_VERSION, message)


def id_reused() -> Outcome:
    """The id came with another content before."""
    message = "This id was sent with another content before. Send an item as it was, or with a new id."
    return rejected(CHANGE_ID_REUSED, message)

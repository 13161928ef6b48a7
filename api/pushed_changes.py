"""The body of a push: a batch whose items are read one by one, so that a faulty one refuses nothing but itself."""

import hashlib
import json
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from api.bodies import InvalidBody, StrictBody, parse_body
from commands.retailers.push_change import PushChange
from domain.pushed_changes import (
    INVALID_CHANGE,
    LARGEST_VERSION,
    MAX_CHANGES,
    MAX_KEPT_BYTES,
    UNREADABLE_CHANGE,
    Outcome,
    OwnChange,
    SentChange,
    rejected,
)
from domain.shared.errors import Fault, Malformed

_DIGEST_BYTES: Final = 16


class OwnChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a phone has to tell, in the order in which it happened."""

    changes: Annotated[list[OwnChange], msgspec.Meta(max_length=MAX_CHANGES)]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The items as commands, in the order of the body."""

    changes: tuple[PushChange, ...]


class _Envelope(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    changes: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=MAX_CHANGES)]


class PushBody(StrictBody):
    """Reads a Batch; documents it as `OwnChanges`."""

    def decode_bytes(self, value: bytes) -> Batch:
        """Raises Malformed, InvalidBody, UnsupportedType for the envelope alone."""
        self.check_media_type()
        return Batch(changes=tuple(_item(bytes(raw)) for raw in _envelope(value).changes))

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003  # what is documented is what a right body looks like
        handler_id: str,  # noqa: ARG003  # Litestar's signature
        schema_creator: Any,  # noqa: ANN401  # Litestar keeps the type private
    ) -> Reference | Schema:
        """The schema of a body without faults."""
        return schema_creator.for_field_definition(FieldDefinition.from_annotation(OwnChanges))  # type: ignore[no-any-return]


def _envelope(body: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(body, type=_Envelope)
    except msgspec.ValidationError as error:
        message = f'The body must be {{"changes": […]}} with at most {MAX_CHANGES} items: {error}.'
        raise InvalidBody(message, faults=[Fault("/changes", "invalid_value", message)]) from None
    except (msgspec.DecodeError, RecursionError) as error:
        if (envelope := _leniently(body)) is not None:
            return envelope
        message = f"The body is not JSON in UTF-8: {error}."
        raise Malformed(message) from None


def _leniently(body: bytes) -> _Envelope | None:
    """The envelope if its items only hold what no text may: half of a character, as phones cut it off, or NaN."""
    try:
        value = json.loads(body)
        return msgspec.convert(
            {**value, "changes": [msgspec.Raw(json.dumps(one).encode()) for one in value["changes"]]}, _Envelope
        )
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.ValidationError):
        return None


def _item(raw: bytes) -> PushChange:
    try:
        value = msgspec.json.decode(raw)
        content = msgspec.json.encode(value, order="sorted")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        message = f"This item cannot be read: {error}."
        return _command(raw, SentChange(), rejected(UNREADABLE_CHANGE, message))
    if not isinstance(value, dict):
        message = "This item is not an object with id, retailer_id, base_version and fields."
        return _command(content, SentChange(), rejected(INVALID_CHANGE, message, [Fault("", "wrong_type", message)]))
    sent = _sent(value)
    try:
        return _command(content, sent, parse_body(OwnChange, content))
    except InvalidBody as refusal:
        return _command(content, sent, rejected(INVALID_CHANGE, refusal.message, refusal.faults))


def _command(content: bytes, sent: SentChange, change: OwnChange | Outcome) -> PushChange:
    digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
    # An item without an id of its own is remembered by its content.
    return PushChange(id=sent.id or UUID(bytes=digest), digest=digest, sent=sent, change=change)


def _sent(value: dict[str, Any]) -> SentChange:
    fields, version = value.get("fields"), value.get("base_version")
    is_version = type(version) is int and abs(version) <= LARGEST_VERSION
    return SentChange(
        id=_uuid(value.get("id")),
        retailer_id=_uuid(value.get("retailer_id")),
        base_version=version if is_version else None,
        fields=fields if len(msgspec.json.encode(fields)) <= MAX_KEPT_BYTES and _is_shallow(fields) else None,
    )


def _is_shallow(value: object, levels: int = 8) -> bool:
    """Whether it is not nested deeper than anything that whoever stores and reads it could stumble over."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner)


def _uuid(value: object) -> UUID | None:
    try:
        return msgspec.convert(value, UUID)
    except msgspec.ValidationError:
        return None

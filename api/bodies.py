"""Request bodies: decoded strictly, with every fault named at once.

Litestar converts plain Struct bodies leniently ("5" becomes 5) and stops at the first fault; as the application's
`dto` this class takes the place of that step, so that routes keep their plain `JSONBody[...]` annotations.
"""

import functools
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from domain.shared.errors import Fault, Invalid, Malformed, UnsupportedType
from domain.shared.text import text_fault

S = TypeVar("S", bound=msgspec.Struct)

MAX_BODY_BYTES = 1024 * 1024
_UNKNOWN_SHOWN = 20
_FAULTS_SHOWN = 3
# Faults are answered, and some are kept: a name may be as long as the body.
_NAME_SHOWN = 80
# What msgspec calls the types, in words for whoever wrote the body.
_IN_WORDS = {
    "`int`": "a whole number",
    "`float`": "a number",
    "`str`": "text",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "null",
    "`uuid`": "a UUID",
}


class InvalidBody(Invalid):
    """The body is JSON, and not of the shape that this operation takes."""

    code = "invalid_body"
    title = "The body breaks the rules of this operation"


class StrictBody(AbstractDTO[Any]):
    """Decodes `data` by `parse_body`; documents it as the Struct it is."""

    def decode_bytes(self, value: bytes) -> Any:  # noqa: ANN401  # the handler's annotation says which Struct
        """Decode the request's body into the handler's Struct."""
        self.check_media_type()
        field = self.asgi_connection.route_handler.parsed_data_field
        return parse_body(field.annotation, value)

    def check_media_type(self) -> None:
        """Raises UnsupportedType for a body that does not say it is JSON."""
        content_type = self.asgi_connection.headers.get("content-type", "application/json")
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            message = f"This operation takes application/json, not {media_type[:80]}."
            raise UnsupportedType(message)

    @classmethod
    def create_for_field_definition(cls, *_args: object, **_kwargs: object) -> None:
        """There is no transfer model to build."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003  # Litestar's signature
        schema_creator: Any,  # noqa: ANN401  # Litestar keeps the type private
    ) -> Reference | Schema:
        """The Struct's own schema."""
        return schema_creator.for_field_definition(field_definition)  # type: ignore[no-any-return]

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Iterator[Any]:  # type: ignore[override]  # noqa: ARG003
        """No transfer model, so no fields."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003
        """No transfer model, so nothing is nested."""
        return False


def parse_body(kind: type[S], raw: bytes) -> S:
    """`raw` as `kind`, without coercion.

    Raises Malformed when it is not JSON in UTF-8, InvalidBody with one Fault per offending member otherwise.
    """
    try:
        value = msgspec.json.decode(raw)
    except UnicodeDecodeError as error:
        message = f"The body is not UTF-8: byte {error.start + 1} fits no character."
        raise Malformed(message) from None
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"The body is not JSON: {error}."
        raise Malformed(message) from None
    if not isinstance(value, dict):
        message = "The body must be a JSON object."
        raise InvalidBody(message, faults=[Fault("", "wrong_type", message)])
    faults = list(_faults(kind, value))
    if faults:
        shown = [fault.message.rstrip(".") for fault in faults[:_FAULTS_SHOWN]]
        message = "; ".join(shown) + (" …" if len(faults) > _FAULTS_SHOWN else ".")
        raise InvalidBody(message, faults=faults)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidBody(str(error), faults=[Fault("", "invalid", str(error))]) from None


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.inspect.Field]:
    info = msgspec.inspect.type_info(kind)
    return {field.encode_name: field for field in cast("msgspec.inspect.StructType", info).fields}


@functools.cache
def _annotations(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _faults(kind: type[msgspec.Struct], value: dict[str, Any]) -> Iterator[Fault]:
    fields = _fields(kind)
    for name in [name for name in value if name not in fields][:_UNKNOWN_SHOWN]:
        known = ", ".join(fields)
        yield Fault(
            f"/{_escape(name[:_NAME_SHOWN])}",
            "unknown_field",
            f"There is no field {name[:_NAME_SHOWN]!r} here; there are {known}.",
        )
    for name, field in fields.items():
        if name not in value:
            if field.required:
                yield Fault(f"/{name}", "required", f"{name} is required.")
            continue
        if isinstance(field.type, msgspec.inspect.StructType) and isinstance(value[name], dict):
            for fault in _faults(field.type.cls, value[name]):
                yield msgspec.structs.replace(fault, pointer=f"/{name}{fault.pointer}")
            continue
        try:
            msgspec.convert(value[name], _annotations(kind)[name], strict=True)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$")
            place = f"/{name}" + _pointer(path.rstrip("`"))
            yield Fault(place, "invalid_value", f"{place[1:]}: {_in_words(reason)}.")
        else:
            yield from _text_faults(value[name], f"/{name}", multiline=_is_multiline(field.type))


def _in_words(reason: str) -> str:
    for name, words in _IN_WORDS.items():
        reason = reason.replace(name, words)
    return reason


def _is_multiline(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_multiline(one) for one in kind.types)
    return isinstance(kind, msgspec.inspect.Metadata) and bool((kind.extra or {}).get("multiline"))


def _text_faults(value: object, pointer: str, *, multiline: bool) -> Iterator[Fault]:
    match value:
        case str():
            fault = text_fault(value, max_length=MAX_BODY_BYTES, multiline=multiline)
            if fault is not None:
                yield Fault(pointer, fault.code, f"{pointer[1:]} {fault.message}")
        case list():
            for index, one in enumerate(value):
                yield from _text_faults(one, f"{pointer}/{index}", multiline=multiline)
        case dict():
            for name, one in value.items():
                yield from _text_faults(name, pointer, multiline=False)
                yield from _text_faults(one, f"{pointer}/{_escape(name)}", multiline=multiline)


def _pointer(path: str) -> str:
    return path.replace("[...]", "/*").replace("[", "/").replace("]", "").replace(".", "/")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

"""Examples for the OpenAPI document, put together from the examples that the fields carry."""

from typing import Any, Final

Json = dict[str, Any]

_BY_FORMAT: Final = {
    "uuid": "0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    "date-time": "2026-03-14T09:30:00Z",
    "date": "2026-03-14",
}


def example(schema: Json, whole: Json) -> Any:  # noqa: ANN401  any JSON value
    """A value that validates against `schema`; `whole` is the document its references point into."""
    if "$ref" in schema:
        return example(_resolve(schema["$ref"], whole), whole)
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "allOf" in schema:
        return {name: value for part in schema["allOf"] for name, value in example(part, whole).items()}
    for key in ("oneOf", "anyOf"):
        if key in schema:
            some = [part for part in schema[key] if part.get("type") != "null"]
            return example(some[0], whole) if some else None
    return _of_type(schema, whole)


def _of_type(schema: Json, whole: Json) -> Any:  # noqa: ANN401  any JSON value
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "object":
            return {name: example(part, whole) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [example(schema["items"], whole)] if "items" in schema else []
        case "string":
            return _BY_FORMAT.get(schema.get("format", ""), "text".ljust(schema.get("minLength", 0), "x"))
        case "integer" | "number":
            # The document's bounds are floats, also of integers.
            return (int if kind == "integer" else float)(schema.get("minimum", 1))
        case "boolean":
            return True
        case _:
            return None


def _resolve(reference: str, whole: Json) -> Json:
    part: Any = whole
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    found: Json = part
    return found

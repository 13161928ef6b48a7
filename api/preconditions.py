"""ETag and If-Match of single resources (RFC 9110, section 13): the row's version, quoted."""

from typing import Annotated, TypeAlias

from litestar.params import HeaderParameter

from domain.shared.errors import Malformed

IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match", description='The `version` that the change is based on, quoted, such as `"3"`; `*` for any.'
    ),
]


def etag(version: int) -> str:
    """The ETag of a row at `version`."""
    return f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """The version that `If-Match` asks for; None when any will do. Raises Malformed."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip()
    digits = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == '"' and digits.isascii() and digits.isdigit() and len(digits) <= 18:  # noqa: PLR2004
        return int(digits)
    message = f'If-Match must be the `version` that the change is based on, quoted, such as "3", not {if_match[:80]}.'
    raise Malformed(message)

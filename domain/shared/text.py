"""Text that people type or upload: what a field admits, and why it does not.

Everything a field admits is stored as it was sent. What it refuses are characters that no screen, database or
spreadsheet carries safely: NUL, the other control characters (C0, DEL, C1), and halves of UTF-16 pairs.
"""

import re
import unicodedata
from typing import Final, NamedTuple

NOT_ADMISSIBLE: Final = "not_admissible_text"
TOO_LONG: Final = "too_long"

MAX_NAME_LENGTH: Final = 200
MAX_CODE_LENGTH: Final = 64
MAX_NOTES_LENGTH: Final = 2000

# Written for Rust's regex syntax too: the import checks whole columns with the very same patterns.
CONTROL_BUT_TAB: Final = r"[\x00-\x08\x0A-\x1F\x7F-\x9F]"
CONTROL_BUT_LINES: Final = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]"

_CONTROL_BUT_TAB = re.compile(CONTROL_BUT_TAB)
_CONTROL = re.compile(r"[\x00-\x1F\x7F-\x9F]")
_CONTROL_BUT_LINES = re.compile(CONTROL_BUT_LINES)
_SURROGATE = re.compile(r"[\uD800-\uDFFF]")
_SHOWN = 80


class TextFault(NamedTuple):
    """Why a text is not taken: a stable code, and the rest of a sentence that begins with what is wrong."""

    code: str
    message: str


def text_fault(value: str, *, max_length: int, multiline: bool = False) -> TextFault | None:
    """The first fault of a text, or None; `max_length` counts characters (code points).

    A tab is text, as lists copied from elsewhere have it; line ends only are with `multiline`.
    """
    pattern = _CONTROL_BUT_LINES if multiline else _CONTROL_BUT_TAB
    if (found := pattern.search(value) or _SURROGATE.search(value)) is not None:
        return TextFault(NOT_ADMISSIBLE, not_admissible(found.group()))
    if len(value) > max_length:
        return TextFault(TOO_LONG, too_long(len(value), max_length))
    return None


def not_admissible(character: str) -> str:
    """What to say after the name of a field with a character that cannot be stored."""
    return f"contains the character U+{ord(character):04X}, which cannot be stored: delete it."


def too_long(length: int, max_length: int) -> str:
    """What to say after the name of a field whose text is over its limit."""
    return f"is {length} characters long; at most {max_length} are possible."


def canonical_code(value: str) -> str:
    """A uid or code as it is stored and compared: trimmed, and in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", value.strip())


def shown(value: str) -> str:
    """A value short and plain enough to stand in a sentence: 80 characters, nothing invisible."""
    plain = _SURROGATE.sub("\ufffd", _CONTROL.sub("\ufffd", value))
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"

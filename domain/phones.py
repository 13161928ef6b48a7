"""Phone numbers: national or international as people write them, E.164 as they are stored.

The rules of every country are libphonenumber's; this module adds what people do to numbers here: Bangla digits, `00`
instead of `+`, and the leading zero that a spreadsheet ate.
"""

import re
from functools import cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from domain.shared.text import shown

NOT_A_PHONE: Final = "not_a_phone"
MAX_PHONE_LENGTH: Final = 40

OTHER_DIGITS: Final = dict(zip("০১২৩৪৫৬৭৮৯०१२३४५६७८९٠١٢٣٤٥٦٧٨٩", "0123456789" * 3, strict=True))
# What people put between digits: spaces of all widths, hyphens and dashes, dots, slashes, brackets.
PUNCTUATION: Final = r"[\s\u00A0\u2000-\u200D\u2060\uFEFF\-\u2010-\u2015\u2212./()]"

_DIGITS = str.maketrans(OTHER_DIGITS)
_PUNCTUATION = re.compile(PUNCTUATION)
_COUNTRY_NAMES = {"BD": "Bangladesh", "DZ": "Algeria", "IN": "India", "NG": "Nigeria", "PK": "Pakistan"}
_VALID_TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost",
    "personal_number", "voip", "pager", "uan", "voicemail",
)  # fmt: skip


class PlainNumbers(NamedTuple):
    """The well-formed numbers of a country that need no library: `<prefix><national>`, as patterns without anchors.

    `general` is what libphonenumber takes for a national number before it looks closer: digits that begin with the
    country's code are only then taken to carry it when they are not one of these.
    """

    country_code: str
    national_prefix: str | None
    valid: str
    general: str


def normalise_phone(value: str, country: str) -> str | None:
    """The number in E.164, or None when it is none; `country` is the organisation's (ISO 3166, two letters)."""
    digits = _PUNCTUATION.sub("", value.translate(_DIGITS))
    # The library reads letters as the keys of an old telephone: a name would become a number.
    if len(value) > MAX_PHONE_LENGTH or any(character.isalpha() for character in digits):
        return None
    if (number := _parsed(digits, country)) is None and digits.startswith("00"):
        number = _parsed("+" + digits[2:], country)
    return None if number is None else phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(digits: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    # An extension cannot be kept in E.164; dropping it silently would store another number than was given.
    return None if number.extension or not phonenumbers.is_valid_number(number) else number


@cache
def plain_numbers(country: str) -> PlainNumbers | None:
    """What decides about almost every number of a country by patterns alone; None: ask the library each time."""
    metadata = PhoneMetadata.metadata_for_region(country)
    # Countries that share a code (+1, +7, +44 …) or rewrite numbers while parsing are left to the library.
    code = None if metadata is None else metadata.country_code
    if metadata is None or code is None or len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]) > 1:
        return None
    general = metadata.general_desc.national_number_pattern if metadata.general_desc is not None else None
    if general is None:
        return None
    if metadata.national_prefix_transform_rule or metadata.national_prefix_for_parsing != metadata.national_prefix:
        return None
    patterns = [
        description.national_number_pattern
        for kind in _VALID_TYPES
        if (description := getattr(metadata, kind)) is not None and description.national_number_pattern
    ]
    return PlainNumbers(
        country_code=str(code),
        national_prefix=metadata.national_prefix,
        valid="|".join(f"(?:{pattern})" for pattern in patterns),
        general=general,
    )


@cache
def example(country: str) -> tuple[str, str] | None:
    """A mobile number of the country as one dials it at home, and in E.164."""
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if number is None:
        return None
    home = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return "".join(character for character in home if character.isdigit()), international


def phone_fault(value: str, country: str) -> str:
    """The sentence about a number that is none; see `fault_end` for its second half."""
    return f"Phone {shown(value)} is not a valid number{fault_end(country)}"


def shortened_by_spreadsheet(value: str) -> str:
    """The sentence about a number such as 8.80171E+12."""
    return f"Phone {shown(value)} was shortened by a spreadsheet: format the column as text and enter it again."


@cache
def fault_end(country: str) -> str:
    """How to write a number, said once for all rows of a file."""
    name = _COUNTRY_NAMES.get(country, country)
    if (numbers := example(country)) is None:
        return f" for {name}: write it in international form, beginning with +."
    return f" for {name}: write it like {numbers[0]} or {numbers[1]}; other countries beginning with +."

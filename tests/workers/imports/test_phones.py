"""Phone numbers: whole columns say what libphonenumber says of each, only faster."""

import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.phones import normalise_phone, phone_fault, plain_numbers
from workers.imports.phone_column import normalised_phones

COUNTRIES = ["BD", "IN", "DZ", "NG", "PK", "FR", "BR", "US", "GB", "IT", "MX", "XX"]


@pytest.mark.parametrize(
    "written",
    [
        "01712345678",
        "1712345678",
        "+8801712345678",
        "8801712345678",
        "008801712345678",
        "00880 1712-345678",
        "+880 (0) 1712 345 678",
        "০১৭১২৩৪৫৬৭৮",
        "+৮৮০১৭১২৩৪৫৬৭৮",
        " 017-1234-5678 ",
        "01712.345.678",
    ],
)
def test_ways_to_write_one_number(written: str) -> None:
    assert normalise_phone(written, "BD") == "+8801712345678"
    assert normalised_phones(pl.Series([written]), "BD").to_list() == ["+8801712345678"]


@pytest.mark.parametrize("written", ["01712", "", "abc", "017123456789", "8.80171E+12", "+", "0171234567a", "1" * 60])
def test_what_is_no_number_stays_none(written: str) -> None:
    assert normalise_phone(written, "BD") is None
    assert normalised_phones(pl.Series([written, None]), "BD").to_list() == [None, None]


def test_numbers_of_other_countries_begin_with_plus() -> None:
    assert normalise_phone("+91 98765 43210", "BD") == "+919876543210"


def test_the_sentence_shows_how_it_is_written() -> None:
    assert phone_fault("01712", "BD").startswith("Phone 01712 is not a valid number for Bangladesh: write it like 018")


def test_most_countries_need_no_library() -> None:
    assert plain_numbers("BD") is not None
    assert plain_numbers("US") is None


DIGITS = st.text(st.sampled_from("0123456789"), min_size=3, max_size=12)
PREFIXES = st.sampled_from(["", "0", "00", "+", "+880", "880", "00880", "+8800", "+91", "91", "0091", "+213", "+234"])


@given(st.lists(st.builds("{}{}".format, PREFIXES, DIGITS), min_size=1), st.sampled_from(COUNTRIES))
def test_columns_say_what_the_library_says(numbers: list[str], country: str) -> None:
    expected = [normalise_phone(number, country) for number in numbers]
    assert normalised_phones(pl.Series(numbers), country).to_list() == expected


@given(
    st.sampled_from(["17", "18", "19", "2", "31", "4", "96", "51"]), DIGITS,
    st.sampled_from(["", "0", "+880", "880", "00880", "+8800"]),
)  # fmt: skip
def test_plausible_bangladeshi_numbers_too(begin: str, rest: str, prefix: str) -> None:
    number = prefix + begin + rest
    assert normalised_phones(pl.Series([number]), "BD").to_list() == [normalise_phone(number, "BD")]


def test_published_examples_of_every_country(real_data: Path) -> None:
    with (real_data / "phones" / "example_numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 1000
    for country in {row["region"] for row in rows}:
        numbers = [row["national_significant"] for row in rows if row["region"] == country]
        found = normalised_phones(pl.Series(numbers), country).to_list()
        assert found == [normalise_phone(written, country) for written in numbers]

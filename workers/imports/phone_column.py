"""Phone numbers of a whole column: patterns decide the well-formed ones, libphonenumber the rest.

The library needs about 25 µs a number: 25 s for a million. The patterns are its own, and take the common case only;
a test holds that both always say the same.
"""

import polars as pl

from domain.phones import MAX_PHONE_LENGTH, OTHER_DIGITS, PUNCTUATION, PlainNumbers, normalise_phone, plain_numbers


def normalised_phones(column: pl.Series, country: str) -> pl.Series:
    """E.164 for each number, null for what is none."""
    plain = plain_numbers(country)
    if plain is None:
        return _asked(column.to_frame("given"), None, country).alias(column.name)
    frame = column.to_frame("given").with_columns(_by_pattern(pl.col("given"), plain).alias("found"))
    return _asked(frame, plain, country).alias(column.name)


def _asked(frame: pl.DataFrame, plain: PlainNumbers | None, country: str) -> pl.Series:
    """The second look at what is not well-formed as it stands: without punctuation, then by the library."""
    found = pl.col("found") if "found" in frame.columns else pl.lit(None, pl.String)
    rest = frame.filter(found.is_null() & pl.col("given").is_not_null()).select(pl.col("given").unique())
    if plain is not None:
        digits = pl.col("given").str.replace_many(OTHER_DIGITS).str.replace_all(PUNCTUATION, "")
        short = pl.col("given").str.len_chars() <= MAX_PHONE_LENGTH
        rest = rest.with_columns(
            pl.when(short).then(_by_pattern(digits, plain)).alias("second"), _is_none(digits, plain).alias("none")
        )
    else:
        rest = rest.with_columns(pl.lit(None, pl.String).alias("second"), pl.lit(value=False).alias("none"))
    by_library = [
        second if second or none else normalise_phone(given, country)
        for given, second, none in rest.select("given", "second", "none").iter_rows()
    ]
    known = rest.select("given", pl.Series("second", by_library, dtype=pl.String))
    return (
        frame.join(known, on="given", how="left", maintain_order="left")
        .select(pl.coalesce(found, "second"))
        .to_series()
    )


def _by_pattern(digits: pl.Expr, plain: PlainNumbers) -> pl.Expr:
    """E.164 where the number is one of the country's, with `+`, `00`, the national prefix or nothing before it."""
    code, prefix = plain.country_code, plain.national_prefix
    national = (
        pl.when(digits.str.starts_with("+" + code))
        .then(digits.str.slice(1 + len(code)))
        .when(digits.str.starts_with("00" + code))
        .then(digits.str.slice(2 + len(code)))
    )
    if prefix is not None:
        national = national.when(digits.str.starts_with(prefix)).then(digits.str.slice(len(prefix)))
    # The code without anything before it, only where the whole cannot be read as a number at home.
    bare = digits.str.starts_with(code) & ~digits.str.contains(f"^(?:{plain.general})$")
    candidate = national.when(bare).then(digits.str.slice(len(code))).otherwise(digits)
    valid = candidate.str.contains(f"^(?:{plain.valid})$") & candidate.str.contains(f"^(?:{plain.general})$")
    return pl.when(valid).then(pl.concat_str(pl.lit("+" + code), candidate))


def _is_none(digits: pl.Expr, plain: PlainNumbers) -> pl.Expr:
    """Whether digits cannot be a number of the country whatever is taken off their beginning, nor of another country.

    What the library can come to is the digits without the code, without the national prefix, or without both.
    """
    ways = [digits]
    for beginning in (plain.country_code, plain.national_prefix):
        if beginning is not None:
            ways += [pl.when(way.str.starts_with(beginning)).then(way.str.slice(len(beginning))) for way in ways]
    possible = pl.any_horizontal(way.str.contains(f"^(?:{plain.valid})$").fill_null(value=False) for way in ways)
    return digits.str.contains("^[0-9]+$") & ~digits.str.starts_with("00") & ~possible

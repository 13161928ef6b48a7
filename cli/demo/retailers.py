"""Writes a file of made-up retailers of Bangladesh, always the same for the same size and seed."""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl

from cli.demo import vocabulary
from cli.demo.faults import FAULTS, Fault, spoil
from cli.demo.geography import Country, country

COLUMNS = (
    "uid", "name", "phone", "territory", "distributor", "region", "area", "routes", "points", "notes", "lat", "lng",
    "active",
)  # fmt: skip
BATCH_ROWS = 50_000
FAULTY_SHARE = 0.003
SUBSCRIBERS = 100_000_000
BANGLA_DIGITS = "০১২৩৪৫৬৭৮৯"


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoFile:
    """What was written: all rows, how many of them are right, and how many of each kind of fault there are."""

    path: Path
    size: int
    digest: str
    rows: int
    good: int
    faults: dict[str, int]

    @property
    def faulty(self) -> int:
        return sum(self.faults.values())


def write_retailers(path: Path, *, retailers: int, seed: int = 1) -> DemoFile:
    """Writes `retailers` rows that load, and among them about 0.3 % that do not: at least one of every fault."""
    tree = country(retailers)
    faulty = max(len(FAULTS), round(retailers * FAULTY_SHARE)) if retailers else 0
    digest, written, counts = sha256(), 0, Counter[str]()
    with path.open("wb") as file:
        for start in range(0, max(retailers, 1), BATCH_ROWS):
            batch = _batch(start, min(start + BATCH_ROWS, retailers), tree, seed)
            placed = _places_of_faults(start, start + batch.height, retailers, faulty)
            text = _text(batch, placed, tree, header=start == 0)
            counts.update(fault.kind for _, fault in placed)
            digest.update(text)
            written += file.write(text)
    return DemoFile(
        path=path,
        size=written,
        digest=digest.hexdigest(),
        rows=retailers + faulty,
        good=retailers,
        faults=dict(counts),
    )


def _places_of_faults(start: int, end: int, retailers: int, faulty: int) -> list[tuple[int, Fault]]:
    """The faulty rows of one batch, each with the row of the batch that it imitates; spread evenly over the file."""
    first, last = -(-start * faulty // max(retailers, 1)), -(-end * faulty // max(retailers, 1))
    return [(index * retailers // faulty - start, FAULTS[index % len(FAULTS)]) for index in range(first, last)]


def _text(batch: pl.DataFrame, placed: list[tuple[int, Fault]], tree: Country, *, header: bool) -> bytes:
    rows = [(at, fault, spoil(_cells(batch, at), fault, tree)) for at, fault in placed]
    spoilt = pl.DataFrame(
        [{**row, "_order": at * 2 - 1} for at, fault, row in rows if fault.line is None],
        schema={**batch.schema, "_order": pl.Int64},
    ).with_columns(pl.col(COLUMNS).replace("", None))
    whole = batch.with_columns(_order=pl.int_range(pl.len(), dtype=pl.Int64) * 2)
    whole = pl.concat([whole, spoilt]).sort("_order", maintain_order=True).drop("_order")
    buffer = BytesIO()
    whole.write_csv(buffer, include_header=header)
    for _, fault, row in rows:
        if fault.line is not None:
            buffer.write(fault.line(row).encode())
    return buffer.getvalue()


def _cells(batch: pl.DataFrame, at: int) -> dict[str, str]:
    return {column: text or "" for column, text in batch.row(at, named=True).items()}


class _Dice:
    """Numbers that depend on the row and the seed alone (SplitMix64), so that any batch can be made by itself."""

    def __init__(self, start: int, end: int, seed: int) -> None:
        self.rows = pl.int_range(start, end, dtype=pl.UInt64, eager=True)
        self.seed = seed

    def below(self, limit: int, salt: str) -> pl.Series:
        offset = _word(zlib.crc32(f"{self.seed}:{salt}".encode()) << 32)
        mixed = pl.col("row") * _word(0x9E3779B97F4A7C15) + offset
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = (mixed ^ (mixed // _word(1 << shift))) * _word(factor)
        return pl.select(pl.lit(self.rows).alias("row")).select((mixed % _word(limit)).alias(salt)).to_series()

    def chance(self, percent: int, salt: str) -> pl.Series:
        """True for so many rows in a hundred."""
        return self.below(100, salt) < percent

    def pick(self, words: Sequence[str], salt: str) -> pl.Series:
        return pl.Series(salt, words, dtype=pl.String).gather(self.below(len(words), salt))


def _word(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)


def _batch(start: int, end: int, tree: Country, seed: int) -> pl.DataFrame:
    dice = _Dice(start, end, seed)
    rows = pl.DataFrame({"row": dice.rows, "at": dice.below(len(tree.territories), "territory")})
    rows = rows.with_columns(_names(dice), _phones(dice, seed), *_where(dice, rows["at"], tree), *_terms(dice))
    uid = pl.format("R{}", (pl.col("row") + 1).cast(pl.String).str.zfill(7))
    # Null and not "": the writer puts an empty string between quotes.
    return rows.with_columns(uid=uid).select(pl.col(COLUMNS).replace("", None))


def _names(dice: _Dice) -> pl.Series:
    """Latin and Bangla shop names in the dozen ways in which shops are named."""
    blessing_latin, blessing_bangla = (
        dice.pick(words, "blessing") for words in (vocabulary.BLESSINGS_LATIN, vocabulary.BLESSINGS_BANGLA)
    )
    first_latin, first_bangla = (
        dice.pick(words, "first") for words in (vocabulary.FIRST_LATIN, vocabulary.FIRST_BANGLA)
    )
    last_latin, last_bangla = (dice.pick(words, "last") for words in (vocabulary.LAST_LATIN, vocabulary.LAST_BANGLA))
    man_latin, man_bangla = (dice.pick(words, "man") for words in (vocabulary.MEN_LATIN, vocabulary.MEN_BANGLA))
    kind_latin, kind_bangla = (dice.pick(words, "kind") for words in (vocabulary.KINDS_LATIN, vocabulary.KINDS_BANGLA))
    patterns = (
        blessing_bangla + " " + kind_bangla,
        blessing_latin + " " + kind_latin,
        first_bangla + " " + kind_bangla,
        first_latin + " " + kind_latin,
        "মেসার্স " + man_bangla + " অ্যান্ড সন্স",
        "M/S " + man_latin + " & Sons",
        "নিউ " + blessing_bangla + " " + kind_bangla,
        "New " + first_latin + " " + kind_latin,
        man_bangla + "-এর দোকান",
        blessing_latin + " " + kind_latin + " (" + first_latin + ")",
        last_bangla + " ব্রাদার্স " + kind_bangla,
        last_latin + " Brothers " + kind_latin,
    )
    pattern = dice.below(len(patterns), "pattern")
    chosen = pl.select(_switch(pl.lit(pattern), patterns).alias("name"))
    return chosen.to_series()


def _phones(dice: _Dice, seed: int) -> pl.Series:
    """Mobile numbers 013… to 019…, each subscriber once, written as people write them."""
    # Multiplying by a number without common factors with 10^8 deals every eight digits out exactly once.
    subscriber = ((dice.rows + 1) * 61_803_399 + seed * 7_919) % SUBSCRIBERS
    number = "1" + (dice.below(7, "operator") + 3).cast(pl.String) + subscriber.cast(pl.String).str.zfill(8)
    national = "0" + number
    bangla = national.str.replace_many({str(digit): bangla for digit, bangla in enumerate(BANGLA_DIGITS)})
    dashed = national.str.head(5) + "-" + national.str.tail(6)
    spaced = "+880 " + number.str.head(4) + "-" + number.str.tail(6)
    ways = (national, "+880" + number, dashed, "880" + number, spaced, bangla)
    # Out of twenty people eleven write the plain national number.
    way = dice.below(20, "phone").replace_strict(
        {value: max(0, (value - 9) // 2) for value in range(20)},
        return_dtype=pl.UInt8,
    )
    return pl.select(_switch(pl.lit(way), ways).alias("phone")).to_series()


def _where(dice: _Dice, at: pl.Series, tree: Country) -> list[pl.Series]:
    """Territory, mostly by code; distributor; now and then region and area; a point near the territory's middle."""
    ambiguous = tree.ambiguous_names()
    names = [t.code if t.name in ambiguous else t.name for t in tree.territories]
    distributors = {distributor.area.code: distributor for distributor in tree.distributors}

    def each(values: list[str]) -> pl.Series:
        return pl.Series(values, dtype=pl.String).gather(at)

    code, name = each([t.code for t in tree.territories]), each(names)
    by_code = each([distributors[t.area.code].code for t in tree.territories])
    by_name = each([distributors[t.area.code].name for t in tree.territories])
    region, area = each([t.area.region.code for t in tree.territories]), each([t.area.code for t in tree.territories])
    empty = pl.Series([""], dtype=pl.String).new_from_index(0, at.len())
    return [
        name.zip_with(dice.chance(20, "named"), code).alias("territory"),
        by_name.zip_with(dice.chance(10, "dealer"), by_code).alias("distributor"),
        region.zip_with(dice.chance(20, "region"), empty).alias("region"),
        area.zip_with(dice.chance(20, "area"), empty).alias("area"),
        *_points_on_the_map(dice, at, tree),
    ]


def _points_on_the_map(dice: _Dice, at: pl.Series, tree: Country) -> list[pl.Series]:
    """A territory lies somewhere in the middle 80 % of its district's box, its shops close by."""
    known = dice.chance(85, "located")
    middles = _Dice(0, len(tree.territories), 0)
    half = pl.Series([t.area.half for t in tree.territories])
    series = []
    for axis in ("lat", "lng"):
        district = pl.Series([getattr(t.area, axis) for t in tree.territories], dtype=pl.Float64)
        middle = district + half * (middles.below(1601, axis).cast(pl.Float64) - 800) / 1000
        shop = middle.gather(at) + half.gather(at) * (dice.below(2001, axis).cast(pl.Float64) - 1000) / 10_000
        text = shop.round(5).cast(pl.String)
        series.append(text.zip_with(known, pl.Series([""]).new_from_index(0, at.len())).alias(axis))
    return series


def _terms(dice: _Dice) -> list[pl.Series]:
    """Routes, points, notes and the active mark, each left empty by some rows."""
    empty = pl.Series([""]).new_from_index(0, dice.rows.len())
    beat = "Beat " + (dice.below(12, "beat") + 1).cast(pl.String)
    routes = dice.pick(vocabulary.VISIT_DAYS, "days") + "|" + beat
    owner = _owners(dice)
    note = owner.zip_with(dice.chance(50, "owner"), dice.pick(vocabulary.NOTES, "note"))
    off = pl.Series(["false"]).new_from_index(0, dice.rows.len())
    return [
        routes.zip_with(dice.chance(95, "routed"), empty).alias("routes"),
        dice.below(5001, "points").cast(pl.String).zip_with(dice.chance(70, "scored"), empty).alias("points"),
        note.zip_with(dice.chance(60, "noted"), empty).alias("notes"),
        off.zip_with(dice.chance(2, "closed"), empty).alias("active"),
    ]


def _owners(dice: _Dice) -> pl.Series:
    latin = "Owner: " + dice.pick(vocabulary.OWNERS_LATIN, "owner name")
    bangla = "মালিক: " + dice.pick(vocabulary.OWNERS_BANGLA, "owner name")
    return latin.zip_with(dice.chance(50, "script"), bangla)


def _switch(which: pl.Expr, choices: Sequence[pl.Series]) -> pl.Expr:
    """The choice that `which` numbers, row by row."""
    return pl.coalesce(
        *(pl.when(which == number).then(pl.lit(choice)) for number, choice in enumerate(choices)),
    )

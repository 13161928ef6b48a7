"""A search finds what a plain look at every retailer finds, whatever is typed and wherever the page begins."""

import random
import unicodedata
import uuid
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import open_engine
from adapters.postgres.retailer_selection import Key, found_keys
from adapters.postgres.transaction import reading
from domain.retailers import RetailerFilter
from domain.shared.actor import Actor, Power
from tests.builders.organisations import found
from tests.conftest import Database

# More than a walk meets, and one range of beginnings alone has more than a walk within it meets.
RETAILERS: Final = 12_000
WORDS: Final = (
    "Store", "STORE", "store", "Élan", "e\u0301lan", "M/S", "Zakir", "qz", "100%", "a_b", "c\\d", "K-9", "&", "স্টোর",
    "মেসার্স", "মায়ের", "মা\u09dfের", "দোয়া", "রহিম", "হিম", "ক", "খ", "x", "X", "Ω", "007", "\u09e6\u09e6\u09ed",
)  # fmt: skip
RARE: Final = ("qx", "Zq", "ঢঢ", "ঋ", "ষ্ণ", "jj", "§")


_TO_DIGITS: Final = {0x09E6 + digit: str(digit) for digit in range(10)} | dict.fromkeys(map(ord, "-+ ()."))


class Row(NamedTuple):
    """A retailer as far as a search is concerned."""

    name: str
    id: uuid.UUID
    uid: str
    phone: str
    active: bool
    assigned: bool
    route: str


class Crowd(NamedTuple):
    """An organisation with many names in two scripts, and all its retailers in the order of its list."""

    engine: AsyncEngine
    actor: Actor
    rows: list[Row]


@pytest.fixture(scope="module")
async def crowd(database: Database) -> AsyncIterator[Crowd]:
    tenant = (await found(database, password="correct horse battery")).tenant_id
    rows = sorted(_rows(random.Random(7)))  # noqa: S311  made-up names
    owner = await asyncpg.connect(database.owner_url)
    place, sr = uuid.uuid4(), uuid.uuid4()
    try:
        for table, parent in (("regions", None), ("areas", "region_id"), ("territories", "area_id")):
            extra, value = (f", {parent}", ", $2") if parent else ("", "")
            await owner.execute(
                f"INSERT INTO {table} (tenant_id, id, code, name{extra}) VALUES ($1, $2, 'T', 'T'{value})",
                tenant,
                place,
            )
        await owner.execute(
            "INSERT INTO users (tenant_id, id, login, name, role, password_hash) VALUES ($1, $2, 'w', 'W', 'sr', '')",
            tenant,
            sr,
        )
        await owner.copy_records_to_table(
            "retailers",
            records=[
                (tenant, row.id, row.uid, row.name, row.phone, place, row.active, [row.route])
                # Not in the order of the list: what is met first in the table must not be what comes first.
                for row in random.Random(8).sample(rows, len(rows))  # noqa: S311
            ],
            columns=["tenant_id", "id", "uid", "name", "phone", "territory_id", "active", "routes"],
        )
        await owner.copy_records_to_table(
            "assignments",
            records=[(tenant, uuid.uuid4(), row.id, sr) for row in rows if row.assigned],
            columns=["tenant_id", "id", "retailer_id", "sr_id"],
        )
        await owner.execute("VACUUM ANALYZE retailers, assignments, unassigned_retailers")
    finally:
        await owner.close()
    engine = open_engine(database.app_url, application_name="search")
    yield Crowd(engine, Actor(tenant_id=tenant, user_id=uuid.uuid4(), power=Power.ADMIN), rows)
    await engine.dispose()


def _rows(dice: random.Random) -> list[Row]:
    def name(number: int) -> str:
        if number % 200 == 1:
            # All that begins a range of its own, nowhere else, and often.
            return "ত"
        words = dice.choices(WORDS, k=dice.randint(1, 4))
        # Two thirds begin alike, and what is rare stands late among them.
        first = ["M/S"] if number % 3 else []
        late = [f"zz {RARE[number % len(RARE)]}"] if number % 400 == 0 else []
        return " ".join(first + (late + words if late else words))

    return [
        Row(
            name=name(number),
            id=uuid.UUID(int=dice.getrandbits(128)),
            uid=f"{dice.choice(('DHK', 'dhk', 'Dhk'))}-{number}",
            phone=f"+88017{dice.randrange(10**8):08}",
            active=number % 50 != 0,
            assigned=number % 7 != 0,
            route=("daily", "weekly", "never")[min(2, number % 100)],
        )
        for number in range(RETAILERS)
    ]


def plainly(rows: list[Row], wanted: RetailerFilter, after: Key | None) -> list[Key]:
    """All (name, id) of the filter behind `after`, by looking at each retailer."""
    return [
        (row.name, row.id)
        for row in rows
        if (after is None or (row.name, row.id) > after)
        and (wanted.q is None or _is_alike(row, wanted.q))
        and wanted.route in {None, row.route}
        and wanted.active in {None, row.active}
        and wanted.assigned in {None, row.assigned}
    ]


def _is_alike(row: Row, q: str) -> bool:
    digits = q.translate(_TO_DIGITS)
    return (
        _folded(q) in _folded(row.name)
        or row.uid.startswith((q, q.upper(), q.lower()))
        or (digits.isdecimal() and len(digits) > 2 and row.phone.endswith(digits))
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _parts_of(texts: list[str]) -> st.SearchStrategy[str]:
    """Texts that occur: any part of two or more characters of some of them."""
    return st.sampled_from(texts).flatmap(
        lambda text: st.tuples(st.integers(0, len(text) - 1), st.integers(1, 8)).map(lambda at: text[at[0] : sum(at)])
    )


NAMES: Final = [" ".join(pair) for one in (*WORDS, *RARE) for pair in (("M/S", one), (one, "Store"), (one, "মা"))]
TYPED: Final = st.one_of(
    _parts_of(NAMES),
    _parts_of(["DHK-1234", "dhk-77", "Dhk-9", "88017", "017", "42"]),
    st.integers(0, 9999).map(lambda end: f"{end:04}"),
    st.text(st.sampled_from("abqxzéমরস্টোঢ&%_\\/ 07"), min_size=1, max_size=4),
    st.sampled_from(RARE),
).map(lambda text: unicodedata.normalize("NFC", text.strip()))
FILTERS: Final = st.builds(
    RetailerFilter,
    q=st.one_of(TYPED, TYPED, TYPED, st.none()).map(lambda text: text or None),
    route=st.sampled_from([None, None, "daily", "weekly", "never", "nowhere"]),
    active=st.sampled_from([None, None, True, False]),
    assigned=st.sampled_from([None, None, True, False]),
)


@given(FILTERS, st.floats(-0.5, 1), st.integers(1, 30), st.integers(0, 2000))
@example(RetailerFilter(q="qx"), -0.5, 21, 980)
@example(RetailerFilter(q="jj"), 0.9, 1, 0)
@example(RetailerFilter(q="zz"), -0.5, 21, 0)
@example(RetailerFilter(q="§"), -0.5, 21, 980)
@example(RetailerFilter(q="মায়ে"), -0.5, 21, 980)
@example(RetailerFilter(q="ত"), -0.5, 21, 0)
@example(RetailerFilter(q="ত"), 0.2, 21, 0)
@example(RetailerFilter(q="ত"), 0.4, 21, 0)
@example(RetailerFilter(q="ত"), 0.6, 21, 0)
@example(RetailerFilter(q="dhk-1"), -0.5, 21, 980)
@example(RetailerFilter(q="x", assigned=False), 0.5, 21, 980)
@example(RetailerFilter(q="১২৩"), -0.5, 21, 980)
@example(RetailerFilter(q="০১৭-১২৩"), 0.3, 21, 980)
@example(RetailerFilter(q="১২৩", active=True), -0.5, 21, 980)
@example(RetailerFilter(assigned=False), -0.5, 21, 980)
@example(RetailerFilter(route="weekly"), -0.5, 21, 980)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_search_finds_what_a_look_at_every_retailer_finds(
    crowd: Crowd, wanted: RetailerFilter, begins: float, limit: int, more: int
) -> None:
    if wanted.q is None and wanted.route is None and wanted.assigned is not False:
        return
    after = crowd.rows[min(int(begins * RETAILERS), RETAILERS - 1)] if begins >= 0 else None
    position = None if after is None else (after.name, after.id)
    expected = plainly(crowd.rows, wanted, position)
    async with reading(crowd.engine, crowd.actor) as conn:
        keys = await found_keys(conn, crowd.actor.tenant, wanted, after=position, limit=limit, up_to=limit + more)
    assert keys[:limit] == expected[:limit]
    assert len(keys) == min(len(expected), limit + more)
    assert set(keys) <= set(expected)

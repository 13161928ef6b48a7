"""Delta sync: passes, tombstones and cursors that no longer fit."""

import uuid
from typing import Any

import msgspec
import pytest

from domain.books import BookVersion, Needed, SyncCursor, may_follow, read_cursor, write_cursor
from domain.shared.actor import Actor, Power
from domain.shared.errors import Malformed
from queries._read import Read
from queries.books.book_sync import book_sync
from tests.builders.books import Market
from tests.commands.books.conftest import Process


async def pull(process: Process, market: Market, cursor: str | None = None, *, limit: int = 200) -> dict[str, Any]:
    actor = Actor(tenant_id=market.tenant_id, user_id=market.sr_id, power=Power.SR)
    read = Read(engine=process.engine, actor=actor)
    body, _ = await book_sync(read, process.reader, cursor=cursor, limit=limit, needed=Needed())
    page: dict[str, Any] = msgspec.json.decode(body)
    return page


async def render(process: Process, market: Market, *, new_epoch: bool = False) -> BookVersion:
    return (await process.renderer.render(market.tenant_id, [market.sr_id], new_epoch=new_epoch))[market.sr_id]


async def test_what_leaves_during_a_full_pass_is_removed_later_in_it(process: Process, market: Market) -> None:
    ids = await market.add_retailers(list("ABCD"), sr_id=market.sr_id)
    await render(process, market)
    page = await pull(process, market, limit=2)
    sent = [one["id"] for one in page["changed"]]
    await market.assign([uuid.UUID(sent[0])], None)
    await render(process, market)
    rest = await pull(process, market, page["cursor"], limit=3)
    assert (rest["full"], rest["start"], rest["more"]) == (True, False, False)
    assert rest["removed"] == [sent[0]]
    assert {one["id"] for one in rest["changed"]} == {str(one) for one in ids} - set(sent)


async def test_a_full_pass_names_nothing_that_left_before_it(process: Process, market: Market) -> None:
    a, b = await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    await render(process, market)
    await market.assign([a], None)
    await render(process, market)
    page = await pull(process, market)
    assert (page["removed"], [one["id"] for one in page["changed"]]) == ([], [str(b)])


async def test_there_and_back_again_is_removed_and_then_changed(process: Process, market: Market) -> None:
    other = await market.add_sr()
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render(process, market)
    start = await pull(process, market)
    await market.assign([shop], other)
    await render(process, market)
    gone = await pull(process, market, start["cursor"])
    assert (gone["removed"], gone["changed"]) == ([str(shop)], [])
    await market.assign([shop], market.sr_id)
    await render(process, market)
    back = await pull(process, market, gone["cursor"])
    assert (back["removed"], [one["id"] for one in back["changed"]]) == ([], [str(shop)])
    # A client that slept through both steps is told the end of it, and never a removal.
    slept = await pull(process, market, start["cursor"])
    assert (slept["removed"], [one["id"] for one in slept["changed"]]) == ([], [str(shop)])


async def test_a_new_epoch_begins_a_full_pass(process: Process, market: Market) -> None:
    await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    await render(process, market)
    cursor = (await pull(process, market))["cursor"]
    await render(process, market, new_epoch=True)
    page = await pull(process, market, cursor)
    assert (page["full"], page["start"], len(page["changed"])) == (True, True, 2)


async def test_a_cursor_ahead_of_the_primary_begins_a_full_pass(process: Process, market: Market) -> None:
    """The primary was restored: what the client has may never have happened."""
    await market.add_retailers(["A"], sr_id=market.sr_id)
    await render(process, market)
    ahead = read_cursor((await pull(process, market))["cursor"])
    ahead = msgspec.structs.replace(ahead, highest=ahead.highest + 5, version=ahead.version + 5)
    page = await pull(process, market, write_cursor(ahead))
    assert (page["full"], page["start"], len(page["changed"])) == (True, True, 1)


async def test_a_page_never_comes_from_an_older_version_than_the_page_before(process: Process, market: Market) -> None:
    await market.add_retailers(list("ABC"), sr_id=market.sr_id)
    at = await render(process, market)
    page = await pull(process, market, limit=1)
    cursor = read_cursor(page["cursor"])
    assert cursor.highest == at.version
    later = msgspec.structs.replace(cursor, highest=at.version + 1)
    assert (await pull(process, market, write_cursor(later)))["start"]


async def test_nothing_new_asks_only_redis(process: Process, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    await market.add_retailers(["A"], sr_id=market.sr_id)
    await render(process, market)
    cursor = (await pull(process, market))["cursor"]

    def fail() -> None:
        raise AssertionError

    monkeypatch.setattr(process.reader, "turn_at_primary", fail)
    assert (await pull(process, market, cursor))["cursor"] == cursor


def test_a_cursor_belongs_to_one_sr_and_one_epoch() -> None:
    sr_id = uuid.uuid4()
    cursor = SyncCursor(sr_id, 1 << 32, False, 5, 5, 5, uuid.uuid4())
    assert may_follow(cursor, sr_id, BookVersion(1 << 32, 5))
    assert not may_follow(cursor, uuid.uuid4(), BookVersion(1 << 32, 5))
    assert not may_follow(cursor, sr_id, BookVersion(2 << 32, 5))
    assert not may_follow(cursor, sr_id, BookVersion(1 << 32, 4))
    assert not may_follow(None, sr_id, BookVersion(1 << 32, 5))


@pytest.mark.parametrize("number", [-1, 2**63, 2**64 - 1])
def test_a_cursor_with_impossible_numbers_is_malformed(number: int) -> None:
    cursor = SyncCursor(uuid.uuid4(), 1 << 32, False, 5, 5, number, uuid.uuid4())
    with pytest.raises(Malformed):
        read_cursor(write_cursor(cursor))

"""Rendering: a difference of states, at any time, twice, in any order, by anyone."""

import json
import uuid

from domain.books import Needed
from tests.builders.books import Market
from tests.commands.books.conftest import Process


async def test_a_book_holds_what_the_sr_holds_sorted_by_name(process: Process, market: Market) -> None:
    names = ["Zaman", "আলম স্টোর", "alam", "Alam"]
    ids = await market.add_retailers(names, sr_id=market.sr_id)
    versions = await process.renderer.render(market.tenant_id, [market.sr_id])
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert book.at == versions[market.sr_id]
    assert [one.name for one in book.listed] == sorted(names)
    assert json.loads(b"[" + book.documents + b"]") == [json.loads(book.document(one)) for one in book.listed]
    first = json.loads(book.document(book.listed[0]))
    assert list(first) == [
        "id", "uid", "name", "phone", "region", "area", "territory", "distributor", "routes", "points", "notes",
        "lat", "lng", "active", "version", "updated_at",
    ]  # fmt: skip
    assert first["id"] == str(ids[3])
    assert first["area"] == {"id": str(market.area), "code": "MIR", "name": "মিরপুর"}
    assert {json.loads(book.document(one))["distributor"] is None for one in book.listed} == {True, False}


async def test_nothing_different_is_no_new_version(process: Process, market: Market) -> None:
    await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    first = await process.renderer.render(market.tenant_id, [market.sr_id])
    assert await process.renderer.render(market.tenant_id, [market.sr_id]) == first


async def test_only_what_differs_gets_the_next_version(process: Process, market: Market) -> None:
    a, b = await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    first = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    await market.rename(a, "A2")
    second = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    assert second.version == first.version + 1
    assert await market.entries(market.sr_id) == {a: (second.version, True), b: (first.version, True)}


async def test_a_renamed_region_shows_in_every_document(process: Process, market: Market) -> None:
    ids = await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    first = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    await market.rename_region("Greater Dhaka")
    second = (await process.renderer.render(market.tenant_id, [market.sr_id]))[market.sr_id]
    assert await market.entries(market.sr_id) == dict.fromkeys(ids, (first.version + 1, True))
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed(at=second))
    assert book.documents.count(b"Greater Dhaka") == 2


async def test_a_retailer_that_left_stays_as_a_tombstone_and_may_come_back(process: Process, market: Market) -> None:
    """A to B and back to A: both books tell each step by a version of its own."""
    other = await market.add_sr()
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    both = [market.sr_id, other]
    await process.renderer.render(market.tenant_id, both)
    assert await market.entries(market.sr_id) == {shop: (1, True)}
    await market.assign([shop], other)
    await process.renderer.render(market.tenant_id, both)
    assert await market.entries(market.sr_id) == {shop: (2, False)}
    assert await market.entries(other) == {shop: (2, True)}
    await market.assign([shop], market.sr_id)
    await process.renderer.render(market.tenant_id, both)
    assert await market.entries(market.sr_id) == {shop: (3, True)}
    assert await market.entries(other) == {shop: (3, False)}


async def test_there_and_back_between_two_renders_is_nothing(process: Process, market: Market) -> None:
    other = await market.add_sr()
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id, other])
    await market.assign([shop], other)
    await market.assign([shop], market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id, other])
    assert await market.entries(market.sr_id) == {shop: (1, True)}
    assert await market.entries(other) == {}


async def test_a_deleted_retailer_leaves_its_tombstone(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.owner.execute("DELETE FROM assignments WHERE tenant_id = $1", market.tenant_id)
    await market.owner.execute("DELETE FROM retailers WHERE tenant_id = $1", market.tenant_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    assert await market.entries(market.sr_id) == {shop: (2, False)}


async def test_a_missing_book_is_made_and_never_read_as_an_empty_one(process: Process, market: Market) -> None:
    await market.add_retailers(["A"], sr_id=market.sr_id)
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed())
    assert [one.name for one in book.listed] == ["A"]


async def test_an_sr_without_retailers_has_an_empty_book_with_a_version(process: Process, market: Market) -> None:
    book = await process.reader.book(market.tenant_id, market.sr_id, Needed())
    assert book.listed == ()
    assert book.at.version == 1


async def test_hundreds_of_books_are_rendered_in_one_statement(process: Process, market: Market) -> None:
    srs = [await market.add_sr() for _ in range(30)]
    for sr_id in srs:
        await market.add_retailers(["A", "B"], sr_id=sr_id)
    versions = await process.renderer.render(market.tenant_id, srs)
    assert set(versions) == set(srs)
    # So many are published by version only; whoever reads one first fills it.
    assert await process.views.get(market.tenant_id, srs[0]) is None
    book = await process.reader.book(market.tenant_id, srs[0], Needed())
    assert len(book.listed) == 2
    assert await process.views.get(market.tenant_id, srs[0]) == book


async def test_another_organisations_sr_gets_nothing(process: Process, market: Market) -> None:
    await market.add_retailers(["A"], sr_id=market.sr_id)
    stranger = uuid.uuid4()
    book = await process.reader.book(stranger, market.sr_id, Needed())
    assert book.listed == ()

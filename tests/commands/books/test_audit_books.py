"""The audit: a book that is wrong is noticed, counted and mended; a right one, or one on its way, is left alone."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from commands.books.audit_books import BookAuditor, Findings
from domain.books import BookVersion, bind
from tests.builders.books import Market
from tests.commands.books.conftest import Process

Spoil = Callable[[Process, Market, uuid.UUID], Awaitable[object]]


def auditor_of(process: Process) -> BookAuditor:
    return BookAuditor(process.engine, process.published, process.renderer, pause=0)


def _entries(change: str) -> Spoil:
    async def spoil(_process: Process, market: Market, shop: uuid.UUID) -> None:
        await market.owner.execute(change, market.tenant_id, shop)

    return spoil


def _value(at: Callable[[BookVersion], BookVersion]) -> Spoil:
    async def spoil(process: Process, market: Market, shop: uuid.UUID) -> None:
        book = await process.views.get(market.tenant_id, market.sr_id)
        assert book is not None
        wrong = bind(at(book.at), [("Spoilt", shop, '{"name":"Spoilt"}')])
        await process.views.put(market.tenant_id, {market.sr_id: wrong}, even_over_newer=True)

    return spoil


SPOILT = {
    "document": _entries("UPDATE book_entries SET doc = doc || ' ' WHERE tenant_id = $1 AND retailer_id = $2"),
    "tombstone": _entries("UPDATE book_entries SET present = false WHERE tenant_id = $1 AND retailer_id = $2"),
    "lost entry": _entries("DELETE FROM book_entries WHERE tenant_id = $1 AND retailer_id = $2"),
    "foreign entry": _entries(
        "INSERT INTO book_entries (tenant_id, sr_id, retailer_id, version, name, doc, present)"
        " SELECT tenant_id, sr_id, gen_random_uuid(), version, name, doc, true FROM book_entries"
        " WHERE tenant_id = $1 AND retailer_id = $2"
    ),
    "value": _value(lambda at: at),
    "old value": _value(lambda at: BookVersion(at.epoch, at.version - 1)),
    "value of a lost future": _value(lambda at: BookVersion(at.epoch, at.version + 5)),
}


async def version(market: Market) -> tuple[int, int]:
    row = await market.owner.fetchrow(
        "SELECT epoch, version FROM books WHERE tenant_id = $1 AND sr_id = $2", market.tenant_id, market.sr_id
    )
    return row["epoch"], row["version"]


@pytest.mark.parametrize("what", SPOILT)
async def test_whatever_is_wrong_is_noticed_and_mended(process: Process, market: Market, what: str) -> None:
    shop, _ = await market.add_retailers(["Shop", "Other"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    before = await version(market)
    await SPOILT[what](process, market, shop)
    found = await auditor_of(process).compare(market.tenant_id, [market.sr_id])
    wrong = frozenset([market.sr_id])
    values = wrong if "value" in what else frozenset[uuid.UUID]()
    assert found == Findings(looked_at=1, entries=wrong - values, values=values)
    assert (await auditor_of(process).audit(market.tenant_id, limit=10)) == found
    # Whoever was sent what was wrong hears of it, and the right is where everybody looks.
    assert await version(market) > before
    assert await auditor_of(process).compare(market.tenant_id, [market.sr_id]) == Findings(looked_at=1)
    book = await process.views.get(market.tenant_id, market.sr_id)
    assert book is not None
    assert [one.name for one in book.listed] == ["Other", "Shop"]
    assert {market.sr_id: book} == await process.published.read(market.tenant_id, [market.sr_id])


async def test_a_right_book_is_not_touched(process: Process, market: Market) -> None:
    shop, _ = await market.add_retailers(["Shop", "Other"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.assign([shop], None)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    before = await version(market)
    assert await auditor_of(process).audit(market.tenant_id, limit=10) == Findings(looked_at=1)
    assert await version(market) == before


async def test_what_waits_to_be_rendered_is_late_and_not_wrong(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename(shop, "Renamed")
    await market.touched(retailer_ids=[shop])
    found = await auditor_of(process).compare(market.tenant_id, [market.sr_id])
    assert (found.entries, found.values) == (frozenset(), frozenset())
    # Reported as rendered, and it was not:
    await market.owner.execute("UPDATE outbox SET rendered_at = now() WHERE tenant_id = $1", market.tenant_id)
    found = await auditor_of(process).compare(market.tenant_id, [market.sr_id])
    assert found.entries == {market.sr_id}


async def test_what_a_job_has_still_to_render_is_late_and_not_wrong(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename(shop, "Renamed")
    job = uuid.uuid4()
    await market.owner.execute(
        "INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase)"
        " VALUES ($1, $2, 'import', 'retailers', 'apply', 'running', 'load')", market.tenant_id, job,
    )  # fmt: skip
    await market.owner.execute(
        "INSERT INTO chunks (tenant_id, job_id, number, step, state, books_fresh)"
        " VALUES ($1, $2, 0, 'load', 'done', false)", market.tenant_id, job,
    )  # fmt: skip
    found = await auditor_of(process).compare(market.tenant_id, [market.sr_id])
    assert found.entries == frozenset()


async def test_what_is_under_way_at_the_first_look_is_not_wrong(process: Process, market: Market) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await market.rename(shop, "Renamed")

    class RenderedMeanwhile(BookAuditor):
        async def _look(self, *arguments: Any) -> Any:
            look = await super()._look(*arguments)
            await process.renderer.render(market.tenant_id, [market.sr_id])
            return look

    auditor = RenderedMeanwhile(process.engine, process.published, process.renderer, pause=0)
    assert await auditor.compare(market.tenant_id, [market.sr_id]) == Findings(looked_at=1)


async def test_every_book_has_its_turn(process: Process, market: Market) -> None:
    srs = sorted([market.sr_id, *[await market.add_sr() for _ in range(4)]])
    await process.renderer.render(market.tenant_id, srs)
    await market.owner.execute("INSERT INTO book_audits (tenant_id) VALUES ($1)", market.tenant_id)
    seen: list[uuid.UUID] = []

    class Told(BookAuditor):
        async def compare(self, tenant_id: uuid.UUID, sr_ids: Any) -> Findings:
            seen.extend(sr_ids)
            return await super().compare(tenant_id, sr_ids)

    auditor = Told(process.engine, process.published, process.renderer, pause=0)
    for _ in range(4):
        await auditor.audit(market.tenant_id, limit=2)
    assert seen == [*srs, *srs[:2]]


async def test_without_redis_the_entries_are_audited(
    start_process: Callable[..., Process], process: Process, market: Market
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await process.renderer.render(market.tenant_id, [market.sr_id])
    await SPOILT["document"](process, market, shop)
    alone = start_process(redis_url="unix:///nowhere/redis.sock")
    found = await auditor_of(alone).audit(market.tenant_id, limit=1)
    assert found.entries == {market.sr_id}
    book = (await process.published.read(market.tenant_id, [market.sr_id])).get(market.sr_id)
    assert book is not None
    assert not book.documents.endswith(b" ")

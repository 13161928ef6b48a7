"""Delta sync over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from adapters.settings import Settings
from tests.api.conftest import PASSWORD
from tests.builders.books import Market, open_market, rendering
from tests.conftest import Database

URL = "/api/v1/sr/sync"
Login = Callable[[str], Awaitable[httpx.AsyncClient]]
Render = Callable[[], Awaitable[object]]


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    market = await open_market(database, password=PASSWORD)
    yield market
    await market.owner.close()


@pytest.fixture
async def render(market: Market, settings: Settings) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    """The SR's book shows what was changed by SQL."""
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        yield lambda: renderer.render(market.tenant_id, [market.sr_id])


@pytest.fixture
async def sr(market: Market, login: Login) -> httpx.AsyncClient:
    return await login(market.sr_login)


async def pull(sr: httpx.AsyncClient, cursor: str | None = None, **query: int) -> dict[str, Any]:
    answer = await sr.get(URL, params={**({"cursor": cursor} if cursor else {}), **query})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_a_first_sync_of_300_is_paged_and_resumable(
    market: Market, sr: httpx.AsyncClient, render: Render
) -> None:
    ids = {str(one) for one in await market.add_retailers([f"Shop {n}" for n in range(300)], sr_id=market.sr_id)}
    await render()
    page = await pull(sr, limit=100)
    assert (page["full"], page["start"], page["more"]) == (True, True, True)
    second = await pull(sr, page["cursor"], limit=100)
    # A page that got lost on the way is asked for again.
    assert await pull(sr, page["cursor"], limit=100) == second
    assert (second["full"], second["start"], second["more"]) == (True, False, True)
    third = await pull(sr, second["cursor"], limit=100)
    assert (third["full"], third["start"], third["more"]) == (True, False, False)
    sent = [one["id"] for part in (page, second, third) for one in part["changed"]]
    assert len(sent) == 300
    assert set(sent) == ids
    after = await pull(sr, third["cursor"])
    assert after == {
        "cursor": third["cursor"], "full": False, "start": False, "changed": [], "removed": [], "more": False
    }  # fmt: skip


async def test_changes_and_removals_come_once(market: Market, sr: httpx.AsyncClient, render: Render) -> None:
    a, b, c = await market.add_retailers(["A", "B", "C"], sr_id=market.sr_id)
    await render()
    page = await pull(sr)
    await market.rename(a, "A2")
    await market.assign([b], await market.add_sr())
    fresh = await sr.patch(f"/api/v1/sr/retailers/{c}", json={"points": 3})
    answer = await sr.get(
        URL, params={"cursor": page["cursor"]}, headers={"Haat-Version": fresh.headers["haat-version"]}
    )
    delta = answer.json()
    assert not delta["full"]
    assert {one["id"]: (one["name"], one["points"]) for one in delta["changed"]} == {
        str(a): ("A2", 0),
        str(c): ("C", 3),
    }
    assert delta["removed"] == [str(b)]
    assert (await pull(sr, delta["cursor"]))["changed"] == []


async def test_many_changes_of_one_version_are_paged(market: Market, sr: httpx.AsyncClient, render: Render) -> None:
    """A client in the middle of a version is not up to date, though its cursor's version is the book's."""
    ids = {str(one) for one in await market.add_retailers(list("ABCDE"), sr_id=market.sr_id)}
    await render()
    cursor = (await pull(sr))["cursor"]
    await market.rename_region("Greater Dhaka")
    await render()
    sent: list[str] = []
    for number, more in ((2, True), (2, True), (1, False)):
        page = await pull(sr, cursor, limit=2)
        assert (len(page["changed"]), page["more"], page["full"]) == (number, more, False)
        sent += [one["id"] for one in page["changed"]]
        cursor = page["cursor"]
    assert set(sent) == ids


async def test_another_srs_cursor_begins_a_full_pass(
    market: Market, sr: httpx.AsyncClient, render: Render, login: Login, database: Database
) -> None:
    ids = await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    await render()
    other = await open_market(database, password=PASSWORD)
    await other.add_retailers(["Theirs"], sr_id=other.sr_id)
    await other.owner.close()
    theirs = (await pull(await login(other.sr_login)))["cursor"]
    page = await pull(sr, theirs)
    assert (page["full"], page["start"]) == (True, True)
    assert {one["id"] for one in page["changed"]} == {str(one) for one in ids}


@pytest.mark.parametrize("cursor", ["x", "AAAA", "k2E", "🙂", "l" * 1999])
async def test_a_malformed_cursor_is_refused(sr: httpx.AsyncClient, cursor: str) -> None:
    answer = await sr.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
async def test_a_limit_out_of_range_is_refused(sr: httpx.AsyncClient, limit: str) -> None:
    assert (await sr.get(URL, params={"limit": limit})).status_code in {400, 422}


async def test_nothing_new_is_304(market: Market, sr: httpx.AsyncClient, render: Render) -> None:
    await market.add_retailers(["A"], sr_id=market.sr_id)
    await render()
    page = await pull(sr)
    first = await sr.get(URL, params={"cursor": page["cursor"]})
    again = await sr.get(URL, params={"cursor": page["cursor"]}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304

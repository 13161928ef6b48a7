"""Delta sync over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import PASSWORD, Login, Render
from tests.builders.books import Market, open_market
from tests.conftest import Database

URL = "/api/v1/sr/sync"


async def pull(sr: httpx.AsyncClient, cursor: str | None = None, **query: int) -> dict[str, Any]:
    answer = await sr.get(URL, params={**({"cursor": cursor} if cursor else {}), **query})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_a_first_sync_of_300_is_paged_and_resumable(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    ids = {str(one) for one in await market.add_retailers([f"Shop {n}" for n in range(300)], sr_id=market.sr_id)}
    await render()
    page = await pull(market_sr, limit=100)
    assert (page["full"], page["start"], page["more"]) == (True, True, True)
    second = await pull(market_sr, page["cursor"], limit=100)
    # A page that got lost on the way is asked for again.
    assert await pull(market_sr, page["cursor"], limit=100) == second
    assert (second["full"], second["start"], second["more"]) == (True, False, True)
    third = await pull(market_sr, second["cursor"], limit=100)
    assert (third["full"], third["start"], third["more"]) == (True, False, False)
    sent = [one["id"] for part in (page, second, third) for one in part["changed"]]
    assert len(sent) == 300
    assert set(sent) == ids
    after = await pull(market_sr, third["cursor"])
    assert after == {
        "cursor": third["cursor"], "full": False, "start": False, "changed": [], "removed": [], "more": False
    }  # fmt: skip


async def test_changes_and_removals_come_once(market: Market, market_sr: httpx.AsyncClient, render: Render) -> None:
    a, b, c = await market.add_retailers(["A", "B", "C"], sr_id=market.sr_id)
    await render()
    page = await pull(market_sr)
    await market.rename(a, "A2")
    await market.assign([b], await market.add_sr())
    fresh = await market_sr.patch(f"/api/v1/sr/retailers/{c}", json={"points": 3})
    answer = await market_sr.get(
        URL, params={"cursor": page["cursor"]}, headers={"Haat-Version": fresh.headers["haat-version"]}
    )
    delta = answer.json()
    assert not delta["full"]
    assert {one["id"]: (one["name"], one["points"]) for one in delta["changed"]} == {
        str(a): ("A2", 0),
        str(c): ("C", 3),
    }
    assert delta["removed"] == [str(b)]
    assert (await pull(market_sr, delta["cursor"]))["changed"] == []


async def test_many_changes_of_one_version_are_paged(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    """A client in the middle of a version is not up to date, though its cursor's version is the book's."""
    ids = {str(one) for one in await market.add_retailers(list("ABCDE"), sr_id=market.sr_id)}
    await render()
    cursor = (await pull(market_sr))["cursor"]
    await market.rename_region("Greater Dhaka")
    await render()
    sent: list[str] = []
    for number, more in ((2, True), (2, True), (1, False)):
        page = await pull(market_sr, cursor, limit=2)
        assert (len(page["changed"]), page["more"], page["full"]) == (number, more, False)
        sent += [one["id"] for one in page["changed"]]
        cursor = page["cursor"]
    assert set(sent) == ids


async def test_another_srs_cursor_begins_a_full_pass(
    market: Market, market_sr: httpx.AsyncClient, render: Render, login: Login, database: Database
) -> None:
    ids = await market.add_retailers(["A", "B"], sr_id=market.sr_id)
    await render()
    other = await open_market(database, password=PASSWORD)
    await other.add_retailers(["Theirs"], sr_id=other.sr_id)
    await other.owner.close()
    theirs = (await pull(await login(other.sr_login)))["cursor"]
    page = await pull(market_sr, theirs)
    assert (page["full"], page["start"]) == (True, True)
    assert {one["id"] for one in page["changed"]} == {str(one) for one in ids}


@pytest.mark.parametrize("cursor", ["x", "AAAA", "k2E", "🙂", "l" * 1999])
async def test_a_malformed_cursor_is_refused(market_sr: httpx.AsyncClient, cursor: str) -> None:
    answer = await market_sr.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
async def test_a_limit_out_of_range_is_refused(market_sr: httpx.AsyncClient, limit: str) -> None:
    assert (await market_sr.get(URL, params={"limit": limit})).status_code in {400, 422}


async def test_nothing_new_is_304(market: Market, market_sr: httpx.AsyncClient, render: Render) -> None:
    await market.add_retailers(["A"], sr_id=market.sr_id)
    await render()
    page = await pull(market_sr)
    first = await market_sr.get(URL, params={"cursor": page["cursor"]})
    again = await market_sr.get(
        URL, params={"cursor": page["cursor"]}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304

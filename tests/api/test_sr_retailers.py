"""An SR's own retailers over HTTP."""

import uuid

import httpx
import pytest

from adapters.settings import Settings
from domain.books import OwnRetailer
from tests.api.conftest import Login, Render, serving
from tests.builders.books import Market

URL = "/api/v1/sr/retailers"


async def test_pages_follow_the_name_and_count_exactly(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    names = [f"Shop {number:03d}" for number in range(7)]
    await market.add_retailers(names[::-1], sr_id=market.sr_id)
    await render()
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = (await market_sr.get(URL, params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        assert (page["count"], page["count_is"]) == (7, "exact")
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == names


async def test_a_cursor_survives_changes_of_the_book(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    ids = await market.add_retailers(["B", "D", "F", "H"], sr_id=market.sr_id)
    await render()
    page = (await market_sr.get(URL, params={"limit": 2})).json()
    await market.delete(ids[0])
    await market.add_retailers(["A", "E"], sr_id=market.sr_id)
    await render()
    rest = (await market_sr.get(URL, params={"limit": 9, "cursor": page["next_cursor"]})).json()
    assert [item["name"] for item in rest["items"]] == ["E", "F", "H"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "k2E", "🙂"])
async def test_a_cursor_that_is_none_is_refused(market_sr: httpx.AsyncClient, cursor: str) -> None:
    answer = await market_sr.get(URL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_an_item_has_all_fields(market: Market, market_sr: httpx.AsyncClient, render: Render) -> None:
    await market.add_retailers(["মিরপুর স্টোর"], sr_id=market.sr_id)
    await render()
    (item,) = (await market_sr.get(URL)).json()["items"]
    assert set(item) == set(OwnRetailer.__struct_fields__)
    assert "sr" not in item
    assert item["area"]["name"] == "মিরপুর"


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("স্টোর", {"করিম স্টোর"}),
        ("KARIM", {"Karim Store", "karim & co"}),
        ("straße", {"STRASSE Mart"}),
        ("Café", {"Café One"}),
        ("0000004", {"STRASSE Mart"}),
        ("+880 1700-000005", {"Café One"}),
        ("১৭০০.০০০০০৫", {"Café One"}),
        ("r-2", {"Karim Store"}),
        ("nothing like it", set()),
    ],
)
async def test_search_in_any_script_by_end_of_phone_and_uid(
    market: Market, market_sr: httpx.AsyncClient, render: Render, q: str, found: set[str]
) -> None:
    names = ["করিম স্টোর", "Karim Store", "karim & co", "STRASSE Mart", "Café One"]
    await market.add_retailers(names, sr_id=market.sr_id)
    await render()
    page = (await market_sr.get(URL, params={"q": q})).json()
    assert {item["name"] for item in page["items"]} == found
    assert page["count"] == len(found)


async def test_filters_hold_together(market: Market, market_sr: httpx.AsyncClient, render: Render) -> None:
    ids = await market.add_retailers([f"Shop {number}" for number in range(12)], sr_id=market.sr_id)
    # Stored as it was sent: in a form that a search is not made in.
    as_sent = "\u09df"
    await market.owner.execute("UPDATE retailers SET routes = ARRAY[$2] WHERE id = $1", ids[0], as_sent)
    await render()
    assert (await market_sr.get(URL, params={"route": as_sent})).json()["count"] == 1
    everything = (await market_sr.get(URL, params={"limit": 100})).json()["items"]
    territory = str(market.territories[1])

    async def names(**query: str) -> list[str]:
        return [item["name"] for item in (await market_sr.get(URL, params=query)).json()["items"]]

    def expected(**fields: str) -> list[str]:
        return [
            item["name"]
            for item in everything
            if all((item[key] or {}).get("id") == value for key, value in fields.items())
        ]

    assert await names(territory_id=territory) == expected(territory=territory)
    both = {"territory": territory, "distributor": str(market.distributor)}
    assert await names(territory_id=territory, distributor_id=str(market.distributor)) == expected(**both)
    assert len(await names(region_id=str(market.region), area_id=str(market.area))) == 12
    assert await names(region_id=str(uuid.uuid4())) == []
    assert await names(route="Market") == [item["name"] for item in everything if "Market" in item["routes"]]


async def test_somebody_elses_retailer_is_not_found(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    (theirs,) = await market.add_retailers(["Theirs"], sr_id=await market.add_sr())
    (mine,) = await market.add_retailers(["Mine"], sr_id=market.sr_id)
    await render()
    for retailer_id in (theirs, uuid.uuid4()):
        assert (await market_sr.get(f"{URL}/{retailer_id}")).status_code == 404
        assert (await market_sr.patch(f"{URL}/{retailer_id}", json={"points": 5})).status_code == 404
    assert (await market_sr.get(f"{URL}/{mine}")).json()["name"] == "Mine"


async def test_an_unchanged_answer_is_304_until_the_book_changes(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    for url in (URL, f"{URL}?q=shop", f"{URL}/{shop}"):
        first = await market_sr.get(url)
        tag = first.headers["etag"]
        assert tag.startswith('W/"')
        assert first.headers["cache-control"] == "private, no-cache"
        assert first.headers["vary"] == "Authorization, Accept-Encoding"
        for given in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            again = await market_sr.get(url, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["haat-version"]
        assert (await market_sr.get(url, headers={"If-None-Match": '"other"'})).status_code == 200
        patched = await market_sr.patch(f"{URL}/{shop}", json={"points": first.json().get("points", 0) + len(url)})
        fresh = {"Haat-Version": patched.headers["haat-version"], "If-None-Match": tag}
        assert (await market_sr.get(url, headers=fresh)).status_code == 200
    tags = {(await market_sr.get(url)).headers["etag"] for url in (URL, f"{URL}?limit=20", f"{URL}/{shop}")}
    assert len(tags) == 3


async def test_a_write_is_read_by_its_writer_through_any_process(
    market: Market, market_sr: httpx.AsyncClient, render: Render, settings: Settings
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    async with serving(settings) as another:
        another.headers["authorization"] = market_sr.headers["authorization"]
        for points in range(1, 11):
            writer, reader = (market_sr, another) if points % 2 else (another, market_sr)
            written = await writer.patch(f"{URL}/{shop}", json={"points": points, "notes": "a\nb"})
            assert (written.status_code, written.json()["points"]) == (200, points)
            read = await reader.get(f"{URL}/{shop}", headers={"Haat-Version": written.headers["haat-version"]})
            assert (read.json()["points"], read.json()["notes"]) == (points, "a\nb")


async def test_only_the_version_that_was_read_is_changed(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    version = (await market_sr.get(f"{URL}/{shop}")).json()["version"]
    first = await market_sr.patch(f"{URL}/{shop}", json={"points": 1}, headers={"If-Match": f'"{version}"'})
    assert first.status_code == 200
    second = await market_sr.patch(f"{URL}/{shop}", json={"points": 2}, headers={"If-Match": f'"{version}"'})
    assert (second.status_code, second.json()["code"]) == (412, "version_mismatch")


async def test_a_repeated_write_gets_its_first_answer_and_a_fresh_version(
    market: Market, market_sr: httpx.AsyncClient, render: Render
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = await market_sr.patch(f"{URL}/{shop}", json={"points": 1}, headers=key)
    later = await market_sr.patch(f"{URL}/{shop}", json={"points": 2})
    again = await market_sr.patch(f"{URL}/{shop}", json={"points": 1}, headers=key)
    assert (again.json()["points"], again.json()["version"]) == (1, first.json()["version"])
    assert again.headers["haat-version"] == later.headers["haat-version"]


@pytest.mark.parametrize("token", ["x", "not a token", "ä" * 30, "a" * 201, ",".join(["a" * 30] * 51)])
async def test_what_cannot_be_a_token_is_refused(market_sr: httpx.AsyncClient, token: str) -> None:
    answer = await market_sr.get(URL, headers={b"Haat-Version": token.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_foreign_tokens_are_ignored(
    market: Market, market_sr: httpx.AsyncClient, render: Render, login: Login
) -> None:
    await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    admin = await login(market.admin_login)
    created = await admin.post("/api/v1/regions", json={"code": "NEW", "name": "New"})
    tokens = ["A" * 60, created.headers["haat-version"], (await market_sr.get(URL)).headers["haat-version"]]
    answer = await market_sr.get(URL, headers={"Haat-Version": " , ".join(tokens)})
    assert (answer.status_code, answer.json()["count"]) == (200, 1)


async def test_admins_have_no_own_retailers(market: Market, login: Login) -> None:
    admin = await login(market.admin_login)
    for url in (URL, f"{URL}/{uuid.uuid4()}", "/api/v1/sr/sync"):
        assert (await admin.get(url)).status_code == 403


@pytest.mark.parametrize(
    "query", ["q=%00", "route=%00", "region_id=x", "territory_id=", "limit=0", "limit=101", "limit=ten"]
)
async def test_bad_queries_are_refused_by_name(market_sr: httpx.AsyncClient, query: str) -> None:
    answer = await market_sr.get(f"{URL}?{query}")
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"points":"5"}', b'{"points":-1}', b'{"points":1.5}', b'{"points":null}', b'{"name":"x"}',
        b'{"routes":["a|b"]}', b'{"routes":[""]}', b'{"notes":"\\u0000"}', b'{"notes":5}', b"\xff",
    ],
)  # fmt: skip
async def test_bad_changes_are_refused_and_change_nothing(
    market: Market, market_sr: httpx.AsyncClient, render: Render, body: bytes
) -> None:
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    headers = {"Content-Type": "application/json"}
    answer = await market_sr.patch(f"{URL}/{shop}", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await market_sr.get(f"{URL}/{shop}")).json()["version"] == 1

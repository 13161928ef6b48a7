"""Offline push over HTTP: what phones have changed meanwhile, item by item."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest

from adapters.settings import Settings
from tests.api.conftest import Login, Render, serving
from tests.builders.books import Market
from tests.builders.pushes import URL, item, pushed

SHOPS = "/api/v1/sr/retailers"
Json = dict[str, Any]


@pytest.fixture
async def shop(market: Market, render: Render) -> uuid.UUID:
    """A shop of the SR at version 1, with 0 points, the route South or North and no notes."""
    (shop,) = await market.add_retailers(["Shop"], sr_id=market.sr_id)
    await render()
    return shop


@pytest.fixture
async def admin(market: Market, login: Login) -> httpx.AsyncClient:
    return await login(market.admin_login)


async def by_admin(admin: httpx.AsyncClient, shop: uuid.UUID, **fields: object) -> None:
    answer = await admin.patch(f"/api/v1/retailers/{shop}", json=fields)
    assert answer.status_code == 200, answer.text


async def stored(market: Market, shop: uuid.UUID) -> Json:
    row = await market.owner.fetchrow("SELECT points, routes, notes, version FROM retailers WHERE id = $1", shop)
    return dict(row)


async def announced(market: Market, shop: uuid.UUID) -> list[str]:
    """Whom the events about changes of the shop name as its SR."""
    rows = await market.owner.fetch(
        "SELECT touches -> 'sr_ids' ->> 0 AS sr FROM outbox"
        " WHERE type = 'retailers.retailer_updated.v1' AND payload ->> 'retailer_id' = $1 ORDER BY created_at, id",
        str(shop),
    )
    return [row["sr"] for row in rows]


async def test_what_nobody_else_has_changed_is_applied_announced_and_readable(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    change = item(shop, points=7, notes="a\nb", routes=[" Sat ", "Sat"])
    answer = await market_sr.post(URL, json={"changes": [change]})
    (result,) = answer.json()["results"]
    assert (result["id"], result["status"]) == (change["id"], "applied")
    assert "error" not in result
    assert "first" not in result
    assert await stored(market, shop) == {"points": 7, "routes": ["Sat"], "notes": "a\nb", "version": 2}
    assert await announced(market, shop) == [str(market.sr_id)]
    read = await market_sr.get(f"{SHOPS}/{shop}", headers={"Haat-Version": answer.headers["haat-version"]})
    assert result["retailer"] == read.json()
    assert read.json()["points"] == 7


async def test_a_field_that_somebody_else_has_changed_since_stays_and_the_others_are_set(
    market: Market, market_sr: httpx.AsyncClient, admin: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    await by_admin(admin, shop, points=5)
    (result,) = await pushed(market_sr, item(shop, points=7, notes="mine"))
    assert result["status"] == "conflict"
    assert (result["error"]["code"], result["error"]["fields"]) == ("changed_since", ["points"])
    assert (result["retailer"]["points"], result["retailer"]["notes"], result["retailer"]["version"]) == (5, "mine", 3)
    assert await stored(market, shop) | {"routes": []} == {"points": 5, "routes": [], "notes": "mine", "version": 3}
    # Whoever has seen the admin's change may change it.
    (seen,) = await pushed(market_sr, item(shop, 2, points=7))
    assert (seen["status"], seen["retailer"]["points"]) == ("applied", 7)


async def test_nothing_is_lost_where_both_want_the_same_or_others_changed_other_fields(
    market: Market, market_sr: httpx.AsyncClient, admin: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    await by_admin(admin, shop, points=5, name="Renamed")
    same, other = await pushed(market_sr, item(shop, points=5), item(shop, routes=["Sun"]))
    assert (same["status"], other["status"]) == ("applied", "applied")
    assert (await stored(market, shop))["version"] == 3
    assert await announced(market, shop) == [None, str(market.sr_id)]


async def test_an_sr_is_never_in_conflict_with_themself(
    market_sr: httpx.AsyncClient, admin: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    """A phone sends several changes of one shop with the version it pulled before the first."""
    results = await pushed(market_sr, *(item(shop, points=points) for points in (1, 2, 3)))
    assert [one["status"] for one in results] == ["applied"] * 3
    await market_sr.patch(f"{SHOPS}/{shop}", json={"points": 4})
    (after_a_change_online,) = await pushed(market_sr, item(shop, points=5))
    assert after_a_change_online["status"] == "applied"
    await by_admin(admin, shop, points=6)
    await market_sr.patch(f"{SHOPS}/{shop}", json={"points": 7})
    # The last change is their own, but the admin's before it came after what the phone had seen.
    (too_old,) = await pushed(market_sr, item(shop, 4, points=8))
    assert (too_old["status"], too_old["retailer"]["points"]) == ("conflict", 7)


async def test_a_change_by_a_job_counts_as_somebody_elses(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    await market.owner.execute("UPDATE retailers SET notes = 'job', version = version + 1 WHERE id = $1", shop)
    (result,) = await pushed(market_sr, item(shop, points=1, notes="mine"))
    assert (result["status"], result["error"]["fields"]) == ("conflict", ["notes"])
    assert (result["retailer"]["points"], result["retailer"]["notes"]) == (1, "job")


async def test_a_replay_days_later_does_nothing_twice_and_tells_what_happened_first(
    market: Market, market_sr: httpx.AsyncClient, admin: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    await by_admin(admin, shop, notes="admin's")
    items = [item(shop, points=7), item(shop, points=8, notes="mine"), item(uuid.uuid4(), points=9)]
    first = await pushed(market_sr, *items)
    assert [one["status"] for one in first] == ["applied", "conflict", "rejected"]
    await by_admin(admin, shop, points=100)
    before, events = await stored(market, shop), await announced(market, shop)
    again = await pushed(market_sr, *items)
    assert [one["status"] for one in again] == ["duplicate"] * 3
    assert [one["first"] for one in again] == ["applied", "conflict", "rejected"]
    assert [one.get("error") for one in again] == [one.get("error") for one in first]
    assert [one["retailer"]["points"] for one in again[:2]] == [100, 100]
    assert (await stored(market, shop), await announced(market, shop)) == (before, events)


async def test_a_duplicate_is_answered_after_a_render_of_its_own(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    """Whoever pushed first may have died between the commit and the render."""
    change = item(shop, points=7)
    await pushed(market_sr, change)
    await market.owner.execute("UPDATE retailers SET points = 9, version = 9 WHERE id = $1", shop)
    (again,) = await pushed(market_sr, change)
    assert (again["status"], again["retailer"]["points"]) == ("duplicate", 9)


async def test_the_same_id_with_another_content_is_rejected(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    change = item(shop, points=7)
    await pushed(market_sr, change)
    results = await pushed(
        market_sr, change | {"fields": {"points": 8}}, change | {"base_version": 2}, change | {"retailer_id": "x"},
        dict(reversed(change.items())),
    )  # fmt: skip
    assert [one["status"] for one in results] == ["rejected", "rejected", "rejected", "duplicate"]
    assert {one["error"]["code"] for one in results[:3]} == {"change_id_reused"}
    assert (await stored(market, shop))["points"] == 7


async def test_ids_of_two_srs_do_not_meet(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID, login: Login
) -> None:
    change = item(shop, points=7)
    await pushed(market_sr, change)
    admin = await login(market.admin_login)
    body = {"login": f"two-{market.sr_login}", "name": "Two", "role": "sr", "password": "correct horse battery"}
    assert (await admin.post("/api/v1/users", json=body)).status_code == 201
    (theirs,) = await pushed(await login(body["login"]), change)
    assert (theirs["status"], theirs["error"]["code"]) == ("rejected", "not_yours")
    assert "retailer" not in theirs


async def test_what_was_taken_away_or_deleted_is_rejected(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID, render: Render
) -> None:
    (deleted,) = await market.add_retailers(["Deleted"], sr_id=market.sr_id)
    (foreign,) = await market.add_retailers(["Foreign"], sr_id=await market.add_sr())
    await market.assign([shop], await market.add_sr())
    await market.delete(deleted)
    await render()
    results = await pushed(market_sr, *(item(one, points=7) for one in (shop, deleted, foreign, uuid.uuid4())))
    assert [one["error"]["code"] for one in results] == ["taken_away", "taken_away", "not_yours", "not_yours"]
    assert {one["status"] for one in results} == {"rejected"}
    assert [one for one in results if "retailer" in one] == []
    assert [(await stored(market, one))["points"] for one in (shop, deleted, foreign)] == [0, 0, 0]


async def test_a_base_that_has_not_been_yet_is_rejected(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    results = await pushed(market_sr, *(item(shop, base, points=7) for base in (2, 2**63, 2**64 - 1)))
    assert [one["error"]["code"] for one in results] == ["unknown_base_version"] * 3
    assert (await stored(market, shop))["points"] == 0


def faulty(shop: uuid.UUID) -> list[bytes]:
    """Items that break a rule, each in its own way, as bytes; all that have an id have the same one."""
    right = item(shop, points=5)
    unfit: list[object] = [
        5, None, [], {}, "text", {"id": 5}, {"id": right["id"]}, right | {"id": None}, right | {"retailer_id": "x"},
        right | {"base_version": 0}, right | {"base_version": "1"}, right | {"base_version": 10**30},
        right | {"base_version": 1.5}, right | {"fields": None}, right | {"fields": [5]}, right | {"more": 1},
    ]  # fmt: skip
    unfit_fields: list[object] = [
        {"points": "5"}, {"points": -1}, {"points": 2**31}, {"points": None}, {"name": "x"}, {"\0": "x"},
        {"routes": ["a|b"]}, {"routes": ["  "]}, {"routes": None}, {"routes": [str(n) for n in range(21)]},
        {"notes": "\0"}, {"notes": "\ud83d"}, {"notes": float("nan")}, {"notes": "n" * 2001}, {"notes": "n" * 50_000},
    ]  # fmt: skip
    texts = [json.dumps(one) for one in [*unfit, *(right | {"fields": fields} for fields in unfit_fields)]]
    texts += [json.dumps(right).replace("5}", f"{deep}}}") for deep in ("[" * 500 + "]" * 500, "1e400")]
    return [text.encode() for text in texts]


async def test_faulty_items_reject_alone(market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID) -> None:
    bad = faulty(shop)
    good = [json.dumps(item(shop, points=points)).encode() for points in (1, 2)]
    content = b'{"changes":[' + b",".join([good[0], *bad, good[1]]) + b"]}"
    answer = await market_sr.post(URL, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [one["status"] for one in results] == ["applied", *["rejected"] * len(bad), "applied"]
    codes = {one["error"]["code"] for one in results[1:-1]}
    assert codes == {"invalid_change", "unreadable_change", "change_id_reused"}
    assert await stored(market, shop) | {"routes": []} == {"points": 2, "routes": [], "notes": None, "version": 3}


async def test_every_fault_of_an_item_is_named(market_sr: httpx.AsyncClient, shop: uuid.UUID) -> None:
    change = item(shop, 0, points="5", name="x", notes="\u0007") | {"retailer_id": "x"}
    (result,) = await pushed(market_sr, change)
    pointers = {fault["pointer"] for fault in result["error"]["errors"]}
    assert pointers == {"/retailer_id", "/base_version", "/fields/points", "/fields/name", "/fields/notes"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff", 400), (b'{"changes":' + b"[" * 5000, 400),
        (b"[]", 422), (b"{}", 422), (b"null", 422),
        (b'{"changes":{}}', 422), (b'{"changes":null}', 422), (b'{"changes":[],"x":1}', 422),
        (b'{"changes":[' + b",".join([b"{}"] * 201) + b"]}", 422), (b'{"changes":"' + b"x" * 2**20 + b'"}', 413),
    ],
)  # fmt: skip
async def test_a_malformed_envelope_is_refused(market_sr: httpx.AsyncClient, content: bytes, status: int) -> None:
    answer = await market_sr.post(URL, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


async def test_another_media_type_and_another_role_are_refused(
    market_sr: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    answer = await market_sr.post(URL, content=b'{"changes":[]}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert (await admin.post(URL, json={"changes": []})).status_code == 403


async def test_an_empty_batch_and_one_of_two_hundred_are_answered(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    assert await pushed(market_sr) == []
    results = await pushed(market_sr, *(item(shop, points=0) for _ in range(200)))
    assert {one["status"] for one in results} == {"applied"}
    assert (await stored(market, shop))["version"] == 1


async def test_the_same_batch_sent_several_times_at_once_is_made_once(
    market: Market, market_sr: httpx.AsyncClient, render: Render, settings: Settings
) -> None:
    shops = await market.add_retailers([f"Shop {number}" for number in range(8)], sr_id=market.sr_id)
    await render()
    items = [item(shop, points=7) for shop in shops]
    async with serving(settings) as another:
        another.headers["authorization"] = market_sr.headers["authorization"]
        answers = await asyncio.gather(*(pushed(one, *items) for one in (market_sr, another) * 2))
    for results in zip(*answers, strict=True):
        assert sorted(one["status"] for one in results) == ["applied", *["duplicate"] * 3]
        assert {one["retailer"]["points"] for one in results} == {7}
    assert [(await stored(market, shop))["version"] for shop in shops] == [2] * 8
    assert [len(await announced(market, shop)) for shop in shops] == [1] * 8


async def test_a_shop_that_is_taken_away_while_the_push_waits_is_not_changed(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID
) -> None:
    other = await market.add_sr()
    async with market.owner.transaction():
        await market.assign([shop], other)
        push = asyncio.create_task(pushed(market_sr, item(shop, points=7)))
        await somebody_waits(market)
    (result,) = await push
    assert (result["status"], result["error"]["code"]) == ("rejected", "taken_away")
    assert (await stored(market, shop))["points"] == 0


@pytest.mark.parametrize("by", ["PATCH", "push"])
async def test_what_was_committed_is_answered_though_the_shop_is_somebody_elses_by_then(
    market: Market, market_sr: httpx.AsyncClient, shop: uuid.UUID, by: str
) -> None:
    async with market.owner.transaction():
        # Whoever commits now waits for its render.
        await market.owner.execute("SELECT FROM books WHERE tenant_id = $1 FOR UPDATE", market.tenant_id)
        if by == "PATCH":
            change = asyncio.create_task(market_sr.patch(f"{SHOPS}/{shop}", json={"points": 7}))
        else:
            change = asyncio.create_task(market_sr.post(URL, json={"changes": [item(shop, points=7)]}))
        async with asyncio.timeout(20):
            while (await stored(market, shop))["points"] != 7:
                await market.owner.execute("SELECT pg_sleep(0.01)")
        await market.assign([shop], await market.add_sr())
    answer = await change
    assert answer.status_code == 200, answer.text
    if by == "PATCH":
        assert (answer.json()["points"], answer.json()["version"], answer.headers["etag"]) == (7, 2, '"2"')
    else:
        assert [one["status"] for one in answer.json()["results"]] == ["applied"]
    assert (await market_sr.get(f"{SHOPS}/{shop}")).status_code == 404


async def somebody_waits(market: Market) -> None:
    """Until another transaction waits for a lock in this database."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'haat-api'"
    )
    async with asyncio.timeout(20):
        while not await market.owner.fetchval(waiting):
            await market.owner.execute("SELECT pg_sleep(0.01)")
            await market.owner.execute("SELECT pg_stat_clear_snapshot()")

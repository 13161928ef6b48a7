"""A push gives no cursor: a client at version 5 whose push makes version 10 would never hear of those between."""

import httpx

from adapters.settings import Settings
from tests.api.conftest import PASSWORD, Login
from tests.builders.books import open_market, rendering
from tests.conftest import Database

SYNC = "/api/v1/sr/sync"


async def test_who_pushes_still_hears_what_others_changed_before(
    settings: Settings, database: Database, login: Login
) -> None:
    market = await open_market(database, password=PASSWORD)
    pushed, renamed, gone = await market.add_retailers(["Pushed", "Old", "Gone"], sr_id=market.sr_id)
    sr: httpx.AsyncClient = await login(market.sr_login)
    start = (await sr.get(SYNC)).json()
    await market.rename(renamed, "New")
    await market.assign([gone], None)
    async with rendering(settings.database_app_url, settings.redis_read_url) as renderer:
        await renderer.render(market.tenant_id, [market.sr_id])
    version = next(shop["version"] for shop in start["changed"] if shop["id"] == str(pushed))
    change = {"id": str(pushed), "retailer_id": str(pushed), "base_version": version, "fields": {"points": 7}}
    answer = await sr.post(SYNC, json={"changes": [change]})
    assert list(answer.json()) == ["results"]
    delta = (await sr.get(SYNC, params={"cursor": start["cursor"]}, headers=_seen(answer))).json()
    assert {shop["id"] for shop in delta["changed"]} == {str(pushed), str(renamed)}
    assert delta["removed"] == [str(gone)]
    await market.owner.close()


def _seen(answer: httpx.Response) -> dict[str, str]:
    return {"Haat-Version": answer.headers["haat-version"]}

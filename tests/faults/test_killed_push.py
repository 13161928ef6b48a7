"""A push whose API process dies in the middle: what was committed stays, and the same push again does the rest once."""

import asyncio
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import httpx
import pytest

from tests.faults.bulk_work import Organisation, shops
from tests.people import Phone
from tests.stack import Stack, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

ITEMS = 60
REACHED = 25


def test_a_push_that_was_cut_off_is_done_once_when_it_is_repeated(stack: Stack) -> None:
    organisation = Organisation(stack, "cut-off", srs=2)
    organisation.admin.finished(organisation.admin.upload("retailers", shops(200)))
    organisation.admin.finished(organisation.assign_all())
    phone = Phone(organisation.sr())
    phone.sync()
    for shop in list(phone.shops)[:ITEMS]:
        phone.change(shop, points=77_777)
    batch = list(phone.waiting)

    def push() -> None:
        with pytest.raises(httpx.TransportError):
            phone.push()

    pushing = threading.Thread(target=push)
    known = "SELECT count(*) FROM pushed_changes WHERE tenant_id = $1"
    with locked(organisation, batch[REACHED]["retailer_id"]):
        pushing.start()
        until(lambda: organisation.ledger.value(known, organisation.tenant_id) == REACHED, what="the push to get on")
        stack.kill("api")
        pushing.join(30)
    assert not pushing.is_alive()
    stack.restart("api")
    assert organisation.ledger.value(known, organisation.tenant_id) == REACHED

    results = phone.push()
    assert [one["id"] for one in results] == [item["id"] for item in batch]
    assert [one["status"] for one in results] == ["duplicate"] * REACHED + ["applied"] * (ITEMS - REACHED)
    assert {one["retailer"]["points"] for one in results} == {77_777}
    events = organisation.ledger.rows(
        "SELECT payload ->> 'retailer_id' AS shop FROM outbox"
        " WHERE tenant_id = $1 AND type = 'retailers.retailer_updated.v1'",
        organisation.tenant_id,
    )
    assert Counter(row["shop"] for row in events) == Counter(item["retailer_id"] for item in batch)
    before = {item["retailer_id"]: item["base_version"] for item in batch}
    phone.sync()
    assert {shop: phone.shops[shop]["version"] for shop in before} == {shop: one + 1 for shop, one in before.items()}
    organisation.assert_no_book_is_stale()


@contextmanager
def locked(organisation: Organisation, shop: str) -> Iterator[None]:
    """Whoever changes that shop meanwhile waits."""
    taken, done = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(organisation.stack.servers.database_url)
        async with connection.transaction():
            await connection.execute("SELECT FROM retailers WHERE id = $1 FOR UPDATE", uuid.UUID(shop))
            taken.set()
            await asyncio.to_thread(done.wait, 60)
        await connection.close()

    holder = threading.Thread(target=lambda: asyncio.run(hold()))
    holder.start()
    try:
        assert taken.wait(10)
        yield
    finally:
        done.set()
        holder.join(10)

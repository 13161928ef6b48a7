"""The SR's story: log in, pages, filters, search, an update, and a sync after somebody else's reassignment."""

import pytest

from tests.people import Json, Person, Phone
from tests.stack import Stack

pytestmark = pytest.mark.journey


def test_an_sr_reads_updates_and_follows_a_reassignment(stack: Stack) -> None:
    admin = Person.admin(stack, "story-sr")
    region = admin.post("/regions", {"code": "DHK", "name": "ঢাকা"})
    area = admin.post("/areas", {"code": "DHK-N", "name": "Dhaka North", "region_id": region["id"]})
    territories = [
        admin.post("/territories", {"code": code, "name": code.title(), "area_id": area["id"]})
        for code in ("MIR-10", "PTG")
    ]
    srs = admin.hire(*(f"sr{number}@story-sr.test" for number in (1, 2)))
    shops = "uid,name,phone,territory\n" + "".join(
        f"U-{number:03},দোকান {number:03},017{number:08},{'MIR-10' if number % 2 else 'PTG'}\n" for number in range(70)
    )
    admin.finished(admin.upload("retailers", shops.encode()))
    admin.assign({"all": True}, [srs[0]["id"]], strategy="all_to_one")

    sr = Person(stack.url, "sr1@story-sr.test")
    first = sr.get("/sr/retailers", limit=20)
    assert [shop["uid"] for shop in first["items"]] == [f"U-{number:03}" for number in range(20)]
    mine = sr.every("/sr/retailers")
    assert len({shop["id"] for shop in mine}) == 70
    assert "sr" not in mine[0]
    assert len(sr.every("/sr/retailers", territory_id=territories[0]["id"])) == 35
    assert [shop["uid"] for shop in sr.get("/sr/retailers", q="দোকান 007")["items"]] == ["U-007"]
    assert [shop["uid"] for shop in sr.get("/sr/retailers", q="00000042")["items"]] == ["U-042"]

    phone = Phone(sr)
    phone.sync(limit=30)
    assert set(phone.shops) == {shop["id"] for shop in mine}
    updates(sr, mine[0]["id"])
    other = follows_a_reassignment(stack, admin, srs, phone, mine)
    follows_the_way_back(admin, srs, phone, other, mine)
    admin.patch(f"/territories/{territories[0]['id']}", {"name": "মিরপুর-১০"})
    phone.sync()
    assert {shop["territory"]["name"] for shop in phone.shops.values()} == {"মিরপুর-১০", "Ptg"}


def updates(sr: Person, shop: str) -> None:
    answer = sr.request(
        "PATCH", f"/sr/retailers/{shop}", json={"points": 40, "notes": "দোকান বন্ধ ছিল", "routes": ["Sat"]}
    )
    read = sr.request("GET", f"/sr/retailers/{shop}", headers={"Haat-Version": answer.headers["Haat-Version"]})
    assert (read.json()["points"], read.json()["notes"], read.json()["routes"]) == (40, "দোকান বন্ধ ছিল", ["Sat"])
    unchanged = sr.request("GET", f"/sr/retailers/{shop}", status=304, headers={"If-None-Match": read.headers["ETag"]})
    assert unchanged.content == b""


def follows_a_reassignment(stack: Stack, admin: Person, srs: list[Json], phone: Phone, mine: list[Json]) -> Phone:
    sr = phone.sr
    moved = [shop["id"] for shop in mine[:10]]
    admin.assign({"retailer_ids": moved}, [srs[1]["id"]], strategy="all_to_one")
    assert phone.sync() == 1
    assert set(phone.shops) == {shop["id"] for shop in mine[10:]}
    sr.get(f"/sr/retailers/{moved[0]}", status=404)
    sr.patch(f"/sr/retailers/{moved[0]}", {"points": 1}, status=404)

    other = Phone(Person(stack.url, "sr2@story-sr.test"))
    other.sync()
    assert set(other.shops) == set(moved)
    assert other.shops[moved[0]]["points"] == 40
    return other


def follows_the_way_back(admin: Person, srs: list[Json], phone: Phone, other: Phone, mine: list[Json]) -> None:
    moved = [shop["id"] for shop in mine[:10]]
    admin.assign({"retailer_ids": moved}, [srs[0]["id"]], strategy="all_to_one")
    phone.sync()
    other.sync()
    assert set(phone.shops) == {shop["id"] for shop in mine}
    assert other.shops == {}

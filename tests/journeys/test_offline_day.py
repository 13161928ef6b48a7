"""A day without a network: the SR changes shops on their phone, others change the same shops, then all of it meets."""

import pytest

from tests.people import Json, Person, Phone
from tests.stack import Stack

pytestmark = pytest.mark.journey


def test_what_an_sr_did_offline_meets_what_others_did_meanwhile(stack: Stack) -> None:
    admin = Person.admin(stack, "offline")
    srs = open_market(admin)
    phone = Phone(Person(stack.url, "sr1@offline.test"))
    phone.sync()
    shops = {shop["uid"]: shop["id"] for shop in phone.shops.values()}

    visits(phone, shops)
    meanwhile(admin, srs, shops)
    day = list(phone.waiting)

    results = dict(zip((item["retailer_id"] for item in day), phone.push(), strict=True))
    assert {uid: results[shop]["status"] for uid, shop in shops.items()} == {
        "quiet": "applied", "renamed": "applied", "contested": "conflict", "imported": "conflict",
        "undone": "conflict", "moved": "rejected", "deleted": "rejected", "lent": "applied",
    }  # fmt: skip
    lost = {uid: results[shops[uid]]["error"]["fields"] for uid in ("contested", "imported", "undone")}
    assert lost == {"contested": ["points"], "imported": ["points"], "undone": ["points"]}

    # The answer was lost on the way: the phone sends the same again, and nothing happens twice.
    versions = {shop["id"]: shop["version"] for shop in admin.every("/retailers")}
    phone.waiting = day
    again = phone.push()
    assert {one["status"] for one in again} == {"duplicate"}
    assert [one["first"] for one in again] == [results[item["retailer_id"]]["status"] for item in day]
    assert {shop["id"]: shop["version"] for shop in admin.every("/retailers")} == versions

    phone.sync()
    seen = {shop["uid"]: (shop["points"], shop["notes"]) for shop in phone.shops.values()}
    assert seen == {
        "quiet": (7, "paid"), "renamed": (7, None), "contested": (50, "paid"), "imported": (60, "paid"),
        "undone": (1, "paid"), "lent": (7, None),
    }  # fmt: skip
    assert phone.shops == {shop["id"]: shop for shop in phone.sr.every("/sr/retailers")}
    looks_into_the_rejects(admin, srs, shops)


def open_market(admin: Person) -> list[Json]:
    """Eight shops with one point each, all with the first of two SRs."""
    region = admin.post("/regions", {"code": "DHK", "name": "ঢাকা"})
    area = admin.post("/areas", {"code": "DHK-N", "name": "Dhaka North", "region_id": region["id"]})
    admin.post("/territories", {"code": "MIR", "name": "মিরপুর", "area_id": area["id"]})
    srs = admin.hire("sr1@offline.test", "sr2@offline.test")
    uids = ("quiet", "renamed", "contested", "imported", "undone", "moved", "deleted", "lent")
    rows = (f"{uid},দোকান {uid},017{number:08},MIR,1\n" for number, uid in enumerate(uids))
    admin.finished(admin.upload("retailers", ("uid,name,phone,territory,points\n" + "".join(rows)).encode()))
    admin.assign({"all": True}, [srs[0]["id"]], strategy="all_to_one")
    return srs


def visits(phone: Phone, shops: dict[str, str]) -> None:
    for uid in ("quiet", "contested", "imported", "undone", "moved", "deleted"):
        phone.change(shops[uid], points=7, notes="paid")
    for uid in ("renamed", "lent"):
        phone.change(shops[uid], points=7)


def meanwhile(admin: Person, srs: list[Json], shops: dict[str, str]) -> None:
    admin.patch(f"/retailers/{shops['contested']}", {"points": 50})
    admin.patch(f"/retailers/{shops['renamed']}", {"name": "নতুন নাম"})
    admin.finished(admin.upload("retailers", b"uid,points\nimported,60\n"))
    wrong = admin.finished(admin.upload("retailers", b"uid,points\nundone,600\n"))
    admin.finished(admin.post(f"/jobs/{wrong['id']}/undo", {}, status=202)["job"])
    admin.request("DELETE", f"/retailers/{shops['deleted']}", status=204)
    for uid, to in (("moved", srs[1]), ("lent", srs[1]), ("lent", srs[0])):
        admin.assign({"retailer_ids": [shops[uid]]}, [to["id"]], strategy="all_to_one")


def looks_into_the_rejects(admin: Person, srs: list[Json], shops: dict[str, str]) -> None:
    rejects = admin.every("/sync-rejects", sr_id=srs[0]["id"])
    assert {one["retailer"]["uid"]: one["retailer"]["deleted"] for one in rejects} == {"moved": False, "deleted": True}
    assert {one["code"] for one in rejects} == {"taken_away"}
    assert {one["sr"]["login"] for one in rejects} == {"sr1@offline.test"}
    assert [one["fields"] for one in rejects] == [{"points": 7, "notes": "paid"}] * 2
    assert len(admin.every("/sync-rejects", retailer_id=shops["moved"])) == 1
    assert admin.every("/sync-rejects", sr_id=srs[1]["id"]) == []

"""Real places and real shops: Bangladesh's divisions, districts and upazilas, and 701 stores placed in them."""

import csv
import io

import pytest

from tests.people import Person, Phone
from tests.realdata import bangladesh, stores
from tests.stack import Stack

pytestmark = pytest.mark.journey


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def test_stores_in_the_real_tree_reach_their_srs(stack: Stack) -> None:
    tree, names = bangladesh(), stores()
    admin = Person.admin(stack, "real-tree")
    job = admin.finished(admin.upload("territories", as_csv(tree)))
    assert (job["counts"]["rows"], job["counts"]["rejected"]) == (494, 0)
    assert len(admin.every("/regions")) == 8
    assert len(admin.every("/areas")) == 64
    assert len(admin.every("/territories")) == 494

    shops = [
        {
            "uid": f"AW-{number:03}",
            "name": name,
            "phone": f"01{3 + number % 7}{number:08}",
            "territory": tree[number % len(tree)]["territory_code"],
            "area": tree[number % len(tree)]["area_name"],
        }
        for number, name in enumerate(names)
    ]
    job = admin.finished(admin.upload("retailers", as_csv(shops)))
    assert (job["counts"]["rows"], job["counts"]["created"]) == (701, 701)

    rejects_ambiguous_names(admin, tree)
    srs = admin.hire(*(f"sr{number}@real.test" for number in range(10)))
    job = admin.assign({"all": True}, [sr["id"] for sr in srs])
    assert job["counts"]["created"] == 701
    seen: set[str] = set()
    for sr in srs:
        phone = Phone(Person(stack.url, sr["login"]))
        phone.sync()
        assert len(phone.shops) in {70, 71}
        assert seen.isdisjoint(phone.shops)
        seen |= set(phone.shops)
    assert len(seen) == 701
    dhaka = next(row for row in tree if "সাভার" in row["territory_name"])
    found = admin.every("/retailers", q="Bike", territory_id=_territory(admin, dhaka["territory_code"]))
    assert all("bike" in shop["name"].lower() for shop in found)


def rejects_ambiguous_names(admin: Person, tree: list[dict[str, str]]) -> None:
    """Eleven upazilas share their name with another one: by name alone they are ambiguous."""
    counts: dict[str, int] = {}
    for row in tree:
        counts[row["territory_name"]] = counts.get(row["territory_name"], 0) + 1
    repeated = next(name for name, count in counts.items() if count > 1)
    job = admin.finished(
        admin.upload("retailers", as_csv([{"uid": "X", "name": "X", "phone": "01712345678", "territory": repeated}]))
    )
    assert job["counts"]["rejected"] == 1
    assert "ambiguous" in admin.rejects(job)


def _territory(admin: Person, code: str) -> str:
    return next(str(one["id"]) for one in admin.every("/territories") if one["code"] == code)

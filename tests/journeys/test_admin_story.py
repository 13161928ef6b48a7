"""The admin's story: territories, an import with rejects, the corrected file, an assignment with preview, and back."""

import csv
import io

import pytest

from tests.people import Json, Person
from tests.stack import Stack

pytestmark = pytest.mark.journey

TREE = """region_code,region_name,area_code,area_name,territory_code,territory_name
DHK,ঢাকা,DHK-N,ঢাকা উত্তর,MIR-10,Mirpur-10
DHK,ঢাকা,DHK-N,ঢাকা উত্তর,MIR-11,Mirpur-11
CTG,চট্টগ্রাম,CTG-S,চট্টগ্রাম দক্ষিণ,PTG,পতেঙ্গা
"""
SHOPS = """uid,name,phone,territory,points
U-1,মায়ের দোয়া স্টোর,01712345678,MIR-10,10
U-2,Bismillah Traders,01812345678,Mirpur-11,20
U-3,Bhai Bhai Store,0171,MIR-10,5
U-4,Rahim Store,01912345678,Mirpr-10,5
U-5,Karim Store,01612345678,PTG,-5
U-6,Salam Store,01512345678,PTG,7
"""


def test_an_admin_imports_corrects_assigns_and_takes_back(stack: Stack) -> None:
    admin = Person.admin(stack, "story-admin")
    tree = admin.finished(admin.upload("territories", TREE.encode()))
    assert tree["counts"]["rejected"] == 0
    assert {one["code"] for one in admin.every("/territories")} == {"MIR-10", "MIR-11", "PTG"}
    rehearses(admin)
    rejects = imports(admin)
    second = corrects(admin, rejects)
    assigned = assigns(admin)
    takes_back(admin, second, assigned)


def rehearses(admin: Person) -> None:
    job = admin.finished(admin.upload("retailers", SHOPS.encode(), mode="dry_run"))
    assert job["counts"] | {"rows": 6, "created": 3, "rejected": 3} == job["counts"]
    assert admin.every("/retailers") == []


def imports(admin: Person) -> list[Json]:
    job = admin.finished(admin.upload("retailers", SHOPS.encode()))
    assert job["counts"] | {"rows": 6, "created": 3, "rejected": 3} == job["counts"]
    assert {one["uid"] for one in admin.every("/retailers")} == {"U-1", "U-2", "U-6"}
    rejects = list(csv.DictReader(io.StringIO(admin.rejects(job))))
    assert [(row["uid"], row["_row"], row["_column"]) for row in rejects] == [
        ("U-3", "4", "phone"),
        ("U-4", "5", "territory"),
        ("U-5", "6", "points"),
    ]
    assert "Mirpur-10" in rejects[1]["_message"]
    return rejects


def corrects(admin: Person, rejects: list[Json]) -> Json:
    """The rejects file itself, with three cells changed, goes back in; once more, and nothing happens."""
    corrections = {"phone": "01712345670", "territory": "Mirpur-10", "points": "5"}
    for row, (column, value) in zip(rejects, corrections.items(), strict=True):
        row[column] = value
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rejects[0]))
    writer.writeheader()
    writer.writerows(rejects)
    job = admin.finished(admin.upload("retailers", file.getvalue().encode()))
    assert job["counts"] | {"rows": 3, "created": 3, "rejected": 0} == job["counts"]
    again = admin.finished(admin.upload("retailers", file.getvalue().encode()))
    assert again["counts"] | {"unchanged": 3, "updated": 0, "created": 0} == again["counts"]
    return job


def assigns(admin: Person) -> Json:
    srs = admin.hire(*(f"sr{number}@story-admin.test" for number in (1, 2)))
    wanted = {"select": {"all": True}, "to": {"sr_ids": [one["id"] for one in srs]}, "strategy": "balance"}
    preview = admin.post("/assignments/preview", wanted, status=200)
    assert preview["count"] == 6
    loads = {(load["sr_id"], load["before"], load["after"]) for load in preview["loads"]}
    assert loads == {(one["id"], 0, 3) for one in srs}
    admin.post("/assignments", wanted, status=422)
    request = {**wanted, "expect": preview["expect"]}
    job = admin.finished(admin.post("/assignments", request, status=202)["job"])
    assert job["counts"]["created"] == 6
    assert len(admin.every("/retailers", sr_id=srs[0]["id"])) == 3
    assert admin.post("/assignments", request, status=409)["code"] == "drifted"
    return job


def takes_back(admin: Person, imported: Json, assigned: Json) -> None:
    admin.finished(admin.request("POST", f"/jobs/{assigned['id']}/undo", status=202).json()["job"])
    assert admin.get(f"/jobs/{assigned['id']}")["state"] == "undone"
    assert len(admin.every("/retailers", assigned="false")) == 6
    undo = admin.finished(admin.request("POST", f"/jobs/{imported['id']}/undo", status=202).json()["job"])
    # They were assigned once, and history refers to them: such rows stay and are listed.
    assert undo["counts"]["rejected"] == 3
    assert admin.rejects(undo).count("changed_since") == 3

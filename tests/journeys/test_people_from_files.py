"""An admin brings distributors, users and assignments in by files; an SR among them finds their shops."""

import csv
import io

import pytest

from tests.people import PASSWORD, Person
from tests.stack import Stack, until

pytestmark = pytest.mark.journey
TREE = "region_code,region_name,area_code,area_name,territory_code,territory_name\nDH,Dhaka,DHK,North,T1,Mirpur\n"
SHOPS = "uid,name,phone,territory,distributor\nS1,Maa Store,01712345678,T1,D1\nS2,Karim Store,01712345679,T1,D1\n"
USERS = "login,name,role\nrahima@people.test,রহিমা খাতুন,sr\nkarim@people.test,Karim,slr\n"


def test_distributors_users_and_assignments_come_from_files(stack: Stack) -> None:
    admin = Person.admin(stack, "people")
    admin.finished(admin.upload("distributors", b"code,name\nD1,Meghna\nD2,\n"))
    admin.finished(admin.upload("territories", TREE.encode()))
    admin.finished(admin.upload("retailers", SHOPS.encode()))

    hired = admin.finished(admin.upload("users", USERS.encode()))
    assert (hired["counts"]["created"], hired["faults"], len(hired["warnings"])) == (1, {"unknown_role": 1}, 1)
    (waiting,) = admin.every("/users", has_password="false")
    assert waiting["login"] == "rahima@people.test"

    given = admin.finished(admin.upload("assignments", b"uid,sr_login\nS1,rahima@people.test\nS2,rahim@people.test\n"))
    (group,) = given["fault_groups"]
    assert group == {
        "code": "unknown_sr",
        "column": "sr_login",
        "count": 1,
        "example": "There is no user rahim@people.test: did you mean rahima@people.test?",
        "example_row": 3,
    }
    rejects = admin.request("GET", f"/jobs/{given['id']}/rejects").content.decode("utf-8-sig")
    assert [row["uid"] for row in csv.DictReader(io.StringIO(rejects))] == ["S2"]
    corrected = rejects.replace("rahim@people.test,", "rahima@people.test,", 1)
    admin.finished(admin.upload("assignments", corrected.encode()))

    admin.patch(f"/users/{waiting['id']}", {"password": PASSWORD})
    rahima = Person(stack.url, "rahima@people.test")
    assert _shops(rahima, "uid") == {"S1", "S2"}
    renamed = admin.finished(admin.upload("distributors", b"code,name\nD1,Meghna Brothers\n"))
    assert renamed["counts"]["updated"] == 1
    until(lambda: _shops(rahima, "distributor.name") == {"Meghna Brothers"}, what="the new name in the book")
    admin.finished(admin.post(f"/jobs/{given['id']}/undo", {}, status=202)["job"])
    until(lambda: _shops(rahima, "uid") == {"S2"}, what="the shop to leave the book")


def _shops(sr: Person, member: str) -> set[str]:
    """This member of all shops in the SR's book."""
    first, _, second = member.partition(".")
    return {shop[first][second] if second else shop[first] for shop in sr.every("/sr/retailers")}

"""`haat export` as an admin uses it: a list becomes a file, and the file changes nothing when it comes back."""

from pathlib import Path

import pytest

from cli.export_list import ListKind
from domain.exports import LISTS
from tests.people import PASSWORD, Person
from tests.stack import Stack

pytestmark = pytest.mark.journey
TREE = (
    "region_code,region_name,area_code,area_name,territory_code,territory_name\n"
    "DH,Dhaka (ঢাকা),DHK,Dhaka (ঢাকা),DHK-MIR-01,Mirpur\n"
)
SHOPS = (
    "uid,name,phone,territory,routes,points,notes,lat,lng,active\n"
    'S1,বিসমিল্লাহ স্টোর,01712345678,Mirpur,Sat|Tue,12,"=closed, on Fridays",23.81,90.41,true\n'
    "S2,=Mayer Doa,01912345678,DHK-MIR-01,,0,,,,false\n"
)


def test_the_command_knows_every_list() -> None:
    assert tuple(ListKind) == LISTS


def test_a_list_is_saved_and_comes_back_unchanged(stack: Stack, tmp_path: Path) -> None:
    admin = Person.admin(stack, "exporter")
    who = ("--url", stack.url, "--login", "admin@exporter.test", "--password-stdin")
    admin.finished(admin.upload("territories", TREE.encode()))
    admin.finished(admin.upload("retailers", SHOPS.encode()))
    for name in ("shops.csv", "shops.xlsx"):
        path = tmp_path / name
        saved = stack.haat("export", "retailers", "--out", str(path), *who, stdin=PASSWORD)
        assert (saved.returncode, "export succeeded" in saved.stdout) == (0, True), saved.stdout + saved.stderr
        before = admin.every("/retailers")
        again = admin.finished(admin.upload("retailers", path.read_bytes()))
        assert (again["counts"]["unchanged"], again["counts"]["rows"], again["warnings"]) == (2, 2, [])
        assert admin.every("/retailers") == before
    assert "'=Mayer Doa" in (tmp_path / "shops.csv").read_text("utf-8")
    active = stack.haat(
        "export", "retailers", "--out", str(tmp_path / "active.csv"), "--filter", "active=true", *who, stdin=PASSWORD
    )
    assert active.returncode == 0, active.stdout + active.stderr
    assert (tmp_path / "active.csv").read_text("utf-8").count("\nS") == 1
    listed = stack.haat("jobs", "list", "--kind", "export", "--limit", "1", *who, stdin=PASSWORD)
    assert "1 of 3" in listed.stdout
    wrong = stack.haat("export", "regions", "--filter", "active=true", *who, stdin=PASSWORD)
    assert (wrong.returncode, "regions can be filtered by q" in wrong.stderr) == (1, True)

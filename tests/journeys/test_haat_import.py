"""`haat import` and `haat jobs` as an admin uses them against a Haat that runs somewhere else."""

import csv
from pathlib import Path

import pytest

from tests.people import PASSWORD, Person
from tests.stack import Stack

pytestmark = pytest.mark.journey
TERRITORIES = (
    "region_code,region_name,area_code,area_name,territory_code,territory_name\n"
    "DH,Dhaka (ঢাকা),DHK,Dhaka (ঢাকা),DHK-MIR-01,Mirpur\n"
)
SHOPS = (
    "uid,name,phone,territory\n"
    "S1,বিসমিল্লাহ স্টোর,01712345678,Mirpur\n"
    "S2,Mayer Doa Traders,call me,DHK-MIR-01\n"
    "S3,New Karim Pharmacy,+8801812345678,DHK-MIR-01\n"
)


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def _who(stack: Stack, code: str) -> tuple[str, ...]:
    return ("--url", stack.url, "--login", f"admin@{code}.test", "--password-stdin")


def test_an_admin_imports_corrects_the_rejects_and_imports_those(stack: Stack, tmp_path: Path) -> None:
    admin, who = Person.admin(stack, "importer"), _who(stack, "importer")
    tree = stack.haat(
        "import", _file(tmp_path, "tree.csv", TERRITORIES), "--kind", "territories", "--watch", *who, stdin=PASSWORD
    )
    assert (tree.returncode, "import succeeded" in tree.stdout) == (0, True), tree.stdout + tree.stderr

    rejects = tmp_path / "rejects.csv"
    shops = _file(tmp_path, "shops.csv", SHOPS)
    dry = stack.haat("import", shops, "--dry-run", "--watch", *who, stdin=PASSWORD)
    assert dry.returncode == 3, dry.stdout + dry.stderr
    assert "check succeeded" in dry.stdout
    assert "3 rows · 2 would be created · 1 rejected" in dry.stdout
    assert admin.every("/retailers") == []
    done = stack.haat("import", shops, "--rejects", str(rejects), *who, stdin=PASSWORD)
    assert (done.returncode, "1 rejected" in done.stdout) == (3, True), done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["uid"], row["_row"], row["_column"]) == ("S2", "3", "phone")

    corrected = _file(tmp_path, "again.csv", rejects.read_text("utf-8-sig").replace("call me", "01912345678"))
    again = stack.haat("import", corrected, "--watch", *who, stdin=PASSWORD)
    assert (again.returncode, "1 row · 1 created" in again.stdout) == (0, True), again.stdout + again.stderr
    assert {shop["uid"] for shop in admin.every("/retailers")} == {"S1", "S2", "S3"}


def test_without_watch_it_tells_how_to_watch_and_the_job_can_be_followed(stack: Stack, tmp_path: Path) -> None:
    Person.admin(stack, "watcher")
    who = _who(stack, "watcher")
    sent = stack.haat("import", _file(tmp_path, "tree.csv", TERRITORIES), "--kind", "territories", *who, stdin=PASSWORD)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    job_id = sent.stdout.split("haat jobs show ")[1].split()[0]
    shown = stack.haat("jobs", "show", job_id, "--watch", *who, stdin=PASSWORD)
    assert (shown.returncode, "import succeeded" in shown.stdout) == (0, True), shown.stdout + shown.stderr
    assert job_id in stack.haat("jobs", "list", *who, stdin=PASSWORD).stdout
    refused = stack.haat("jobs", "retry", job_id, *who, stdin=PASSWORD)
    assert (refused.returncode, "succeeded" in refused.stderr) == (1, True), refused.stderr


def test_a_file_that_is_no_table_fails_with_one_clear_message(stack: Stack, tmp_path: Path) -> None:
    Person.admin(stack, "clumsy")
    (tmp_path / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))
    done = stack.haat("import", str(tmp_path / "photo.csv"), "--watch", *_who(stack, "clumsy"), stdin=PASSWORD)
    assert done.returncode == 1
    assert "not a table" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_wrong_password_and_a_missing_file_are_told_in_plain_words(stack: Stack, tmp_path: Path) -> None:
    Person.admin(stack, "forgetful")
    shops = _file(tmp_path, "shops.csv", SHOPS)
    wrong = stack.haat("import", shops, *_who(stack, "forgetful"), stdin="not the password")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "does not know admin@forgetful.test with this password" in wrong.stderr
    missing = stack.haat("import", str(tmp_path / "nothing.csv"), *_who(stack, "forgetful"), stdin=PASSWORD)
    assert missing.returncode == 2
    assert "does not exist" in missing.stderr

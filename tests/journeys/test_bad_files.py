"""Whatever file an admin uploads: the job ends soon, with one clear message or clear rejects, and breaks nothing."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import Json, Person
from tests.realdata import folder
from tests.stack import Stack, until

pytestmark = pytest.mark.journey

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489") + bytes(64)
# The signature of an OLE container: an encrypted XLSX, or an old XLS, whatever its name says.
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2048)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Person]:
    person = Person.admin(stack, "bad-files")
    tree = "region_code,region_name,area_code,area_name,territory_code,territory_name\nR,R,A,A,T,T\n"
    person.finished(person.upload("territories", tree.encode()))
    yield person
    # Whatever was uploaded, a good file still goes through, and nothing else has come in.
    job = person.finished(person.upload("retailers", b"uid,name,phone,territory\nU,Shop,01712345678,T\n"))
    assert job["counts"]["created"] == 1
    assert [shop["uid"] for shop in person.every("/retailers")] == ["U"]


def ended(admin: Person, content: bytes, *, name: str = "shops.csv") -> Json:
    """The job that a file becomes, once it has ended; or the problem document it is refused with at once."""
    answer = admin.send("POST", "/imports", params={"kind": "retailers"}, files={"file": (name, content)})
    if answer.status_code != 202:
        assert answer.status_code in {400, 413, 415, 422}, answer.text
        assert answer.json()["detail"]
        return {"state": "failed", "error": {"code": answer.json()["code"], "message": answer.json()["detail"]}}
    job = answer.json()["job"]

    def done() -> Json | None:
        now = admin.get(f"/jobs/{job['id']}")
        return now if now["state"] not in {"queued", "running"} else None

    now = until(done, what=f"{name} to end", seconds=60)
    assert now is not None
    return now


def zip_of(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("picture.csv", PNG),
        ("empty.csv", b""),
        ("header.csv", b"uid,name,phone,territory\n"),
        ("blank.csv", b"\n\n\n\n"),
        ("encrypted.xlsx", OLE),
        ("pdf.csv", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"),
        ("nothing-known.csv", b"colour,size\nred,5\n"),
        ("twice.csv", b"uid,UID ,name\n1,1,x\n"),
        ("long-line.csv", b"uid,name,phone,territory\n1," + b"x" * (64 * 1024 * 1024)),
        ("two.zip", zip_of(a=b"uid\n1\n", b=b"uid\n2\n")),
        ("bomb.zip", zip_of(a=bytes(300 * 1024 * 1024))),
        ("cut.gz", gzip.compress(b"uid,name,phone,territory\n" * 1000)[:60]),
        ("broken.xlsx", zip_of(**{"[Content_Types].xml": b"<no"})),
        ("broken-utf8.csv", b"\xef\xbb\xbfuid,name,phone,territory\n1,\xff\xfe\xfa,01712345678,T\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_table_fails_with_one_clear_message(name: str, content: bytes, admin: Person) -> None:
    job = ended(admin, content, name=name)
    if job["state"] == "succeeded":  # a fault of some rows, not of the file: they are rejected, none is loaded
        assert job["counts"]["created"] == 0
        assert job["counts"]["rejected"] == job["counts"]["rows"] > 0
    else:
        assert job["state"] == "failed", job
        assert job["error"]["code"]
        assert len(job["error"]["message"]) > 20


def test_a_gigabyte_without_a_line_end_fails_quickly(admin: Person) -> None:
    block = gzip.compress(b"x" * (64 * 1024 * 1024), 9)
    job = ended(admin, gzip.compress(b"uid,name\n1,", 9) + block * 16, name="huge.csv.gz")
    assert job["state"] == "failed"
    assert job["error"]["message"]


def _examples(name: str) -> list[Path]:
    return sorted(path for path in folder(name).rglob("*") if path.is_file() and "LICENSE" not in path.name)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["csv-spectrum", "csvkit-examples"])
def test_every_example_of_other_tools_ends_clearly(name: str, admin: Person) -> None:
    paths = _examples(name)
    assert len(paths) > 20
    for path in paths:
        job = ended(admin, path.read_bytes(), name=path.name)
        # None of them has a column `uid`, so none may load anything.
        assert job["state"] == "failed", (path.name, job)
        assert len(job["error"]["message"]) > 20, (path.name, job)


def test_the_territories_of_the_real_tree_without_a_header_are_refused_clearly(admin: Person) -> None:
    content = (folder("geo-bangladesh") / "upazilas/upazilas.csv").read_bytes()
    answer = admin.send("POST", "/imports", params={"kind": "territories"}, files={"file": ("upazilas.csv", content)})
    job = admin.finished(answer.json()["job"], state="failed")
    assert "region_code" in job["error"]["message"]

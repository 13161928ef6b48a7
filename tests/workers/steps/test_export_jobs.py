"""An export is the list as its filter leaves it, safe in a spreadsheet, and an import takes it back unchanged."""

import csv
import io
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres.transaction import transaction
from commands.exports.submit_export import SubmitExport, submit_export
from domain.exports import LISTS, ExportRequest, Format, ListFilter, ListName, UnfitFilter
from domain.jobs import JobRow
from domain.retailers import MAX_ROUTE_LENGTH, MAX_ROUTES
from domain.shared.spreadsheets import guarded
from domain.shared.text import canonical_code
from tests.builders.bulk_work import BulkWork
from tests.workers.steps.conftest import Place
from workers.exports import steps
from workers.exports.registry import KINDS
from workers.imports.registry import KINDS as IMPORTED

NASTY = (
    "=1+1", "+1", "-2.5", "@x", "'=x", "''=x", "'plain", "\t=1", r"\N", r"a\b", '"quoted", comma', "100 %", "%s %(x)s",
    "+8801712345678", "+88 017", "  spaces  ", "মিরপুর স্টোর", "e\u0301", "-", "=", "<b>&amp;</b>",
    "$1", ":name", "1e5", "0123", "true",
)  # fmt: skip


async def exported(jobs: BulkWork, name: ListName, *, form: Format = "csv", **wanted: Any) -> tuple[JobRow, bytes]:
    """The ended job and its file."""
    request = ExportRequest(list_name=name, filter=ListFilter(**wanted), format=form)
    async with transaction(jobs.engine, jobs.admin) as tx:
        job_id = await submit_export(SubmitExport(request=request), tx)
    job = await jobs.run(job_id)
    assert job.state == "succeeded", job.error
    assert job.result_key is not None
    return job, b"".join([piece async for piece in await jobs.files.get(job.result_key)])


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def add_nasty(place: Place) -> None:
    for number, text in enumerate(NASTY):
        await place.add(
            "retailers", uid=f"N{number:02}", name=text, phone="+8801712345678", territory_id=place.territories["T1"],
            notes=f"{text}\r\nsecond line\n", routes=[text.strip()], points=number, lat=number * 1e-6, lng=-number / 7,
            active=number % 2 == 0,
        )  # fmt: skip
        await place.add(
            "retailers", uid=canonical_code(f"{text}{number}"), name=f"by its uid {number}", phone="+8801812345678",
            territory_id=place.territories["T2"],
        )  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_an_exported_list_of_retailers_comes_back_unchanged(jobs: BulkWork, place: Place, form: Format) -> None:
    await add_nasty(place)
    job, content = await exported(jobs, "retailers", form=form)
    assert (job.rows, job.unchanged, job.faults) == (2 * len(NASTY), 2 * len(NASTY), {})
    before = await place.retailers("*")
    back = await jobs.run_import(content)
    assert (back.unchanged, back.created, back.updated, back.rejected) == (2 * len(NASTY), 0, 0, 0), back
    assert back.warnings == []
    assert await place.retailers("*") == before


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("=+-@'\t|\\"), max_size=12
)


def degrees(most: float) -> st.SearchStrategy[float]:
    """What is finer than an atom is rounded: no file has so many digits."""
    return st.floats(-most, most).filter(lambda one: one == 0 or abs(one) > 1e-12)


spoken = texts.filter(lambda text: text.strip() != "")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            spoken,
            texts | st.none(),
            st.lists(spoken.map(lambda text: text.replace("|", "").strip()).filter(bool), max_size=3, unique=True),
            st.tuples(degrees(90), degrees(180)) | st.none(),
        ),
        min_size=1,
        max_size=40,
    )
)
async def test_whatever_people_have_typed_comes_back_unchanged(jobs: BulkWork, place: Place, shops: list[Any]) -> None:
    assert all(
        len(routes) <= MAX_ROUTES and all(len(one) <= MAX_ROUTE_LENGTH for one in routes) for *_, routes, _ in shops
    )
    await place.owner.execute("DELETE FROM retailers WHERE tenant_id = $1", place.tenant_id)
    for number, (name, notes, routes, position) in enumerate(shops):
        lat, lng = position or (None, None)
        await place.add(
            "retailers", uid=f"U{number}", name=name, notes=notes, routes=routes, lat=lat, lng=lng,
            phone="+8801712345678", territory_id=place.territories["T1"],
        )  # fmt: skip
    _, content = await exported(jobs, "retailers")
    back = await jobs.run_import(content)
    assert (back.unchanged, back.rows) == (len(shops), len(shops)), content


async def test_no_cell_is_run_by_a_spreadsheet(jobs: BulkWork, place: Place) -> None:
    await add_nasty(place)
    _, content = await exported(jobs, "retailers")
    found = lines(content)
    assert {guarded(text) for text in NASTY if text != r"\N"} <= {row["name"] for row in found}
    assert {guarded(canonical_code(f"{text}{place}")) for place, text in enumerate(NASTY)} <= {
        row["uid"] for row in found
    }
    assert {row["phone"] for row in found} == {"+8801712345678", "+8801812345678"}
    positions = {row["lat"] for row in found} | {row["lng"] for row in found}
    assert not any("e" in position for position in positions)


@pytest.mark.parametrize(
    ("wanted", "uids"),
    [
        ({"q": "100 %"}, {"A"}),
        ({"q": "o'brien"}, {"B"}),
        ({"q": "\\"}, {"C"}),
        ({"route": "Mon"}, {"A", "B"}),
        ({"route": " Cafe\u0301"}, {"B"}),
        ({"assigned": True}, {"A"}),
        ({"assigned": False, "active": True}, {"B"}),
        ({"active": False}, {"C"}),
        ({}, {"A", "B", "C"}),
    ],
)
async def test_the_file_has_what_the_filter_leaves(
    jobs: BulkWork, place: Place, wanted: dict[str, Any], uids: set[str]
) -> None:
    for uid, name, routes, active in (
        ("A", "100 % Store", ["Mon"], True),
        ("B", "O'Brien's", ["Mon", "Cafe\u0301"], True),
        ("C", "Back\\slash", [], False),
    ):
        await place.add(
            "retailers", uid=uid, name=name, routes=routes, active=active, phone="+8801712345678",
            territory_id=place.territories["T1"],
        )  # fmt: skip
    await place.give("A", place.srs[0])
    gone = await place.add(
        "retailers", uid="gone", name="100 % O'Brien \\", phone="+8801712345678", territory_id=place.territories["T1"]
    )
    await place.owner.execute("UPDATE retailers SET deleted_at = now() WHERE id = $1", gone)
    job, content = await exported(jobs, "retailers", **wanted)
    assert {row["uid"] for row in lines(content)} == uids
    assert job.rows == len(uids)
    _, content = await exported(jobs, "assignments", **wanted)
    assert {row["uid"] for row in lines(content)} == uids & {"A"}


async def test_tree_filters_reach_down(jobs: BulkWork, place: Place) -> None:
    other = await place.add("regions", code="R2", name="South")
    area = await place.add("areas", code="A2", name="Harbour", region_id=other)
    territory = await place.add("territories", code="T9", name="Pier", area_id=area)
    for uid, where in (("here", place.territories["T1"]), ("there", territory)):
        await place.add("retailers", uid=uid, name=uid, phone="+8801712345678", territory_id=where)
    places: list[dict[str, Any]] = [{"region_id": other}, {"area_id": area}, {"territory_id": territory}]
    for wanted in places:
        assert [row["uid"] for row in lines((await exported(jobs, "retailers", **wanted))[1])] == ["there"]
    (found,) = lines((await exported(jobs, "territories", region_id=other))[1])
    assert found == {
        "region_code": "R2", "region_name": "South", "area_code": "A2", "area_name": "Harbour",
        "territory_code": "T9", "territory_name": "Pier",
    }  # fmt: skip
    assert [row["area_code"] for row in lines((await exported(jobs, "areas", q="harb"))[1])] == ["A2"]
    assert [row["code"] for row in lines((await exported(jobs, "regions", q="south"))[1])] == ["R2"]


async def test_users_are_exported_without_their_secrets(jobs: BulkWork, place: Place) -> None:
    _, content = await exported(jobs, "users", role="sr")
    found = lines(content)
    assert len(found) == len(place.srs)
    assert {tuple(row) for row in found} == {("login", "name", "role")}


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_has_a_kind_whose_columns_an_import_knows(
    jobs: BulkWork, place: Place, name: ListName
) -> None:
    job, content = await exported(jobs, name)
    assert content.splitlines()[0].decode().split(",") == [column.name for column in KINDS[name].columns]
    assert job.file_name == f"{name}.csv"
    assert (await place.rows("SELECT count(*) FROM jobs WHERE id = $1", job.id)) == [(1,)]
    if name in IMPORTED:
        assert {column.name for column in KINDS[name].columns} <= set(IMPORTED[name].names)


async def test_a_filter_that_the_list_does_not_have_is_refused(jobs: BulkWork) -> None:
    with pytest.raises(UnfitFilter) as refused:
        await exported(jobs, "territories", assigned=True, route="Mon")
    assert [fault.pointer for fault in refused.value.faults] == ["/filter/route", "/filter/assigned"]
    assert "there are region_id, area_id, q" in refused.value.message


async def test_a_list_that_no_workbook_takes_fails_with_one_sentence(
    jobs: BulkWork, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_nasty(place)
    monkeypatch.setattr(steps, "MAX_SHEET_ROWS", 10)
    async with transaction(jobs.engine, jobs.admin) as tx:
        job_id = await submit_export(SubmitExport(request=ExportRequest(list_name="retailers", format="xlsx")), tx)
    ended = await jobs.run(job_id)
    assert (ended.state, ended.result_key) == ("failed", None)
    assert ended.error is not None
    assert (ended.error["code"], "Export it as CSV" in ended.error["message"]) == ("too_many_sheet_rows", True)


async def test_a_workbook_is_whole_and_holds_no_formula(jobs: BulkWork, place: Place) -> None:
    await add_nasty(place)
    _, content = await exported(jobs, "retailers", form="xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert book.testzip() is None
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count("<row>") == 1 + 2 * len(NASTY)
    assert sheet.endswith("</sheetData></worksheet>")

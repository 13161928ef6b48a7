"""What a file of territories does to the tree."""

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place

HEADER = "region_code,region_name,area_code,area_name,territory_code,territory_name"
TREE = (
    "SELECT g.code, g.name, a.code, a.name, t.code, t.name FROM territories t"
    " JOIN areas a ON a.tenant_id = t.tenant_id AND a.id = t.area_id"
    " JOIN regions g ON g.tenant_id = t.tenant_id AND g.id = a.region_id WHERE t.tenant_id = $1 ORDER BY t.code"
)


async def test_new_regions_areas_and_territories_are_created(jobs: BulkWork, place: Place) -> None:
    job = await jobs.run_import(
        csv_of(HEADER, ["R2,ঢাকা,A2,Dhaka,T7,Mirpur", "R2,ঢাকা,A2,Dhaka,T8,Gulshan", "R1,North,A3,New,T9,Uttara"]),
        kind="territories",
    )
    assert (job.state, job.rows, job.created, job.updated) == ("succeeded", 3, 3, 0)
    tree = await place.rows(TREE, place.tenant_id)
    assert tree[3:] == [
        ("R2", "ঢাকা", "A2", "Dhaka", "T7", "Mirpur"),
        ("R2", "ঢাকা", "A2", "Dhaka", "T8", "Gulshan"),
        ("R1", "North", "A3", "New", "T9", "Uttara"),
    ]


async def test_names_change_and_territories_move(jobs: BulkWork, place: Place) -> None:
    rows = ["R1,North,A1,Old town,T1,Market T1", "R1,North,A9,Nine,T2,Market T2", "R1,North,A1,Old town,T3,Renamed"]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="territories")
    assert (job.created, job.updated, job.unchanged) == (0, 2, 1)
    assert await place.rows(TREE, place.tenant_id) == [tuple(row.split(",")) for row in rows]


async def test_the_same_file_again_changes_nothing(jobs: BulkWork, place: Place) -> None:
    rows = ["R1,North,A1,Old town,T1,Market T1", "R2,South,A2,Two,T2,Market T2"]
    await jobs.run_import(csv_of(HEADER, rows), kind="territories")
    before = await place.rows("SELECT code, xmin::text FROM territories WHERE tenant_id = $1", place.tenant_id)
    job = await jobs.run_import(csv_of(HEADER, rows), kind="territories")
    assert (job.created, job.updated, job.unchanged) == (0, 0, 2)
    assert await place.rows("SELECT code, xmin::text FROM territories WHERE tenant_id = $1", place.tenant_id) == before


async def test_a_row_that_contradicts_an_earlier_one_is_rejected(jobs: BulkWork, place: Place) -> None:
    rows = ["R2,South,A2,Two,T7,Seven", "R3,East,A2,Two,T8,Eight"]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="territories")
    assert (job.created, job.rejected, job.faults) == (1, 1, {"contradicts_other_row": 1})
    assert "R3,East,A2,Two,T8,Eight,3,region_code,contradicts_other_row," in await jobs.rejects(job)
    assert await place.rows("SELECT code FROM regions WHERE tenant_id = $1 ORDER BY 1", place.tenant_id) == [
        ("R1",),
        ("R2",),
    ]


async def test_a_dry_run_creates_nothing(jobs: BulkWork, place: Place) -> None:
    rows = ["R2,South,A2,Two,T7,Seven", "R1,North,A1,Old town,T1,Other name"]
    job = await jobs.run_import(csv_of(HEADER, rows), kind="territories", mode="dry_run")
    assert (job.created, job.updated) == (1, 1)
    assert await place.rows("SELECT count(*) FROM regions WHERE tenant_id = $1", place.tenant_id) == [(1,)]
    assert (await place.rows(TREE, place.tenant_id))[0][5] == "Market T1"


async def test_a_renamed_region_shows_in_the_books_of_everybody_below(jobs: BulkWork, place: Place) -> None:
    await jobs.run_import(
        csv_of(
            "uid,name,phone,territory", ["U1,One,01711000001,T1", "U2,Two,01711000002,T3", "U3,Three,01711000003,T3"]
        )
    )
    await place.give("U1", place.srs[0])
    await place.give("U3", place.srs[2])
    job = await jobs.run_import(csv_of(HEADER, ["R1,Far north,A1,Old town,T2,Market T2"]), kind="territories")
    assert jobs.rendered[job.id] == {place.srs[0], place.srs[2]}


async def test_undo_gives_names_back_and_deletes_what_nothing_refers_to(jobs: BulkWork, place: Place) -> None:
    before = await place.rows(TREE, place.tenant_id)
    rows = ["R2,South,A2,Two,T7,Seven", "R3,East,A3,Three,T8,Eight", "R1,Norden,A3,Three,T1,Other name"]
    job = await jobs.run_import(csv_of(HEADER, rows[:1] + rows[2:]), kind="territories")
    assert job.rejected == 0
    territory = (await place.rows("SELECT id FROM territories WHERE tenant_id = $1 AND code = 'T7'", place.tenant_id))[
        0
    ]
    await place.add("retailers", uid="U1", name="n", phone="+8801711000001", territory_id=territory[0])
    undo = await jobs.run_undo(job.id)
    assert (undo.state, (await jobs.job(job.id)).state) == ("succeeded", "undone")
    left = {tuple(line.split(",")[:2]) for line in (await jobs.rejects(undo)).splitlines()[1:]}
    assert left == {("T7", "Seven"), ("A2", "Two"), ("R2", "South")}
    assert (await place.rows(TREE, place.tenant_id)) == [*before, ("R2", "South", "A2", "Two", "T7", "Seven")]

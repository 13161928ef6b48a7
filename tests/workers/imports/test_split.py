"""A file becomes disjoint chunks and rejects; every row is in exactly one of them."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.imports import gone
from workers.imports import spill, split
from workers.imports.chunks import copy_csv, keys_to_look_up, read_chunk, settle
from workers.imports.kinds import Setting
from workers.imports.rejects import RejectWriter, assemble_rejects, reject_rows
from workers.imports.retailers import KIND
from workers.imports.split import Progress, Split, SplitCancelled, split_file

Upload = Callable[[str | bytes], Path]
Splitter = Callable[[str | bytes], Split]
HEADER = "uid,name,phone,territory,points\n"
FULL = "{uid},Rahim,01712345678,MIR-10,{points}\n"


@pytest.fixture
def splitted(upload: Upload, setting: Setting, tmp_path: Path) -> Splitter:
    """Split these contents as a file of retailers."""
    count = iter(range(10_000))

    def run(content: str | bytes) -> Split:
        folder = tmp_path / f"split-{next(count)}"
        folder.mkdir()
        return split_file(upload(content), kind=KIND, into=folder, setting=setting)

    return run


def rows_of(outcome: Split) -> pl.DataFrame:
    return pl.concat([read_chunk(chunk.path) for chunk in outcome.chunks]).sort("_row")


def rejects_of(outcome: Split) -> dict[int, str]:
    frames = [pl.read_ipc(part) for part in outcome.reject_parts]
    return {row: code for frame in frames for row, code in frame.select("_row", "_code").iter_rows()}


def test_the_last_valid_row_of_a_uid_wins(splitted: Splitter) -> None:
    lines = [FULL.format(uid=" R-1 ", points=1), FULL.format(uid="R-1", points=2), FULL.format(uid="R-1", points="x")]
    outcome = splitted(HEADER + "".join(lines))
    assert rows_of(outcome).select("_row", "uid", "points").rows() == [(3, "R-1", "2")]
    assert rejects_of(outcome) == {2: "superseded", 4: "not_an_integer"}
    assert "again in row 3" in pl.read_ipc(outcome.reject_parts[0])["_message"].str.join(" ").item()


def test_an_incomplete_last_row_wins_only_over_a_retailer_that_exists(splitted: Splitter) -> None:
    outcome = splitted(HEADER + FULL.format(uid="R-1", points=1) + "R-1,,,,5\n" + "R-2,,,,7\n")
    chunk = read_chunk(outcome.chunks[0].path)
    assert chunk.height == outcome.chunks[0].rows == 3
    assert keys_to_look_up(KIND, chunk) == ["R-1", "R-2"]

    known = settle(KIND, chunk, existing={"R-1", "R-2"})
    assert known.rows.select("_row", "points").rows() == [(3, "5"), (4, "7")]
    assert known.rejects.select("_row", "_code").rows() == [(2, "superseded")]

    new = settle(KIND, chunk, existing=())
    assert new.rows.select("_row", "points").rows() == [(2, "1")]
    assert sorted(new.rejects.select("_row", "_column", "_code").rows()) == [
        (3, "name", "needed_to_create"),
        (4, "name", "needed_to_create"),
    ]
    assert "R-2 does not exist yet: to create it, name, phone and territory must be given." in set(
        new.rejects["_message"]
    )


def test_a_row_still_marked_superseded_is_skipped_and_counted(splitted: Splitter) -> None:
    content = "uid,name,phone,territory,_row,_column,_code,_message\n"
    content += (
        "R-1,a,01712345678,MIR-10,2,uid,superseded,again\nR-2,a,01712345678,MIR-10,3,phone,not_a_phone,corrected\n"
    )
    outcome = splitted(content)
    assert rejects_of(outcome) == {2: "superseded"}
    assert rows_of(outcome)["uid"].to_list() == ["R-2"]
    assert outcome.warnings == ()


def test_unknown_columns_are_a_warning_and_order_and_case_are_free(splitted: Splitter) -> None:
    outcome = splitted("Shoe Size, POINTS ,U id\n43,5,R-1\n")
    assert outcome.columns == ("uid", "points")
    assert outcome.warnings == ("Unknown column was ignored: Shoe Size.",)
    assert rows_of(outcome).select("uid", "points", "name").rows() == [("R-1", "5", None)]


def test_the_rejects_are_the_original_rows_in_order_ready_to_be_corrected(
    splitted: Splitter, upload: Upload, tmp_path: Path
) -> None:
    content = (
        'uid;Name;extra;phone;territory;notes\n'
        'R-1;"=HYPERLINK(""x"")";keep;01712345678;MIR-10;\n'
        "R-2;\"'@risky\";'=kept;12;Mirpr-10;\"two\nlines\"\n"
        "R-1;last;;01712345678;MIR-10;\n"
        "R-3;;;;;7\n"
    )  # fmt: skip
    outcome = splitted(content)
    chunk = settle(KIND, read_chunk(outcome.chunks[0].path), existing=())
    later = tmp_path / "later.arrow"
    with RejectWriter(later) as writer:
        writer.add(chunk.rejects)
    target = tmp_path / "rejects.csv"
    assert assemble_rejects(upload(content), parts=[later, *outcome.reject_parts], into=target) == 3
    header, *rows = csv.reader(io.StringIO(target.read_text(encoding="utf-8")), delimiter=";")
    assert header == ["uid", "Name", "extra", "phone", "territory", "notes", "_row", "_column", "_code", "_message"]
    assert [row[:9] for row in rows] == [
        ["R-1", "'=HYPERLINK(\"x\")", "keep", "01712345678", "MIR-10", "", "2", "uid", "superseded"],
        ["R-2", "'@risky", "'=kept", "12", "Mirpr-10", "two\nlines", "3", "phone | territory",
         "not_a_phone | unknown_territory"],
        ["R-3", "", "", "", "", "7", "5", "name", "needed_to_create"],
    ]  # fmt: skip
    assert rows[1][9].count(" | ") == 1

    corrected = target.read_text(encoding="utf-8").replace(";12;", ";01712345678;").replace("Mirpr-10", "MIR-10")
    again = splitted(corrected)
    assert rejects_of(again) == {2: "superseded"}
    assert rows_of(again).select("uid", "name", "notes").rows() == [("R-2", "@risky", "two\nlines"), ("R-3", None, "7")]


def test_rejects_come_as_the_file_came(upload: Upload, tmp_path: Path) -> None:
    content = "uid\tname\nR-1\tx\n".encode("utf-16")
    target = tmp_path / "rejects.csv"
    assert assemble_rejects(upload(content), parts=[], into=target) == 0
    assert target.read_bytes() == "\ufeffuid\tname\t_row\t_column\t_code\t_message\n".encode()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["A", "B", "C", "", "D"]), st.sampled_from(["1", "x", ""])), min_size=1))
def test_counts_add_up_and_no_key_is_in_two_places(splitted: Splitter, rows: list[tuple[str, str]]) -> None:
    outcome = splitted(HEADER + "".join(f"{uid},n,01712345678,MIR-10,{points}\n" for uid, points in rows))
    rejected = rejects_of(outcome)
    kept = [row for chunk in outcome.chunks for row in read_chunk(chunk.path)["_row"]]
    assert sorted([*rejected, *kept]) == list(range(2, len(rows) + 2))
    assert (outcome.rows, outcome.rejected) == (len(rows), len(rejected))
    last = {uid: place + 2 for place, (uid, points) in enumerate(rows) if uid and points != "x"}
    assert sorted(kept) == sorted(last.values())


def test_large_files_go_through_the_disk_and_stay_disjoint(splitted: Splitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "_HELD_BYTES", 1 << 16)
    monkeypatch.setattr(split, "_CHUNK_ROWS", 100)
    content = HEADER + "".join(FULL.format(uid=f"R-{row % 9000}", points=row) for row in range(10_000))
    outcome = splitted(content)
    assert (outcome.rows, outcome.rejected) == (10_000, 1000)
    rows = rows_of(outcome)
    assert rows["uid"].n_unique() == rows.height == 9000
    assert dict(rows.select("uid", "points").iter_rows())["R-5"] == "9005"
    assert max(chunk.rows for chunk in outcome.chunks) < 200
    for chunk in outcome.chunks:
        assert read_chunk(chunk.path)["_row"].is_sorted()
    assert {path.suffix for path in outcome.chunks[0].path.parent.iterdir()} == {".parquet", ".arrow"}
    assert not list(outcome.chunks[0].path.parent.glob("bucket-*"))


def test_progress_is_told_and_a_cancelled_split_stops(upload: Upload, setting: Setting, tmp_path: Path) -> None:
    told: list[Progress] = []
    path = upload(HEADER + FULL.format(uid="R-1", points=1))
    split_file(path, kind=KIND, into=tmp_path, setting=setting, on_progress=told.append)
    assert [(progress.rows, progress.step) for progress in told] == [(1, "read"), (1, "write")]
    assert told[-1].bytes_done == told[-1].bytes_total == path.stat().st_size
    with pytest.raises(SplitCancelled):
        split_file(path, kind=KIND, into=tmp_path, setting=setting, should_stop=lambda: True)


def test_a_chunk_is_copied_as_csv_in_the_order_of_its_staging_table(splitted: Splitter) -> None:
    outcome = splitted('uid,notes,routes,active\n"R,1","a""b",x|y,no\nR-2,,,\n')
    text = copy_csv(KIND, read_chunk(outcome.chunks[0].path)).decode()
    assert list(csv.reader(io.StringIO(text))) == [
        ["2", "R,1", "", "", "", "", '{"x","y"}', "", 'a"b', "", "", "false", "0"],
        ["3", "R-2", "", "", "", "", "", "", "", "", "", "", "0"],
    ]
    assert '""' not in text.splitlines()[1]
    assert len(KIND.staging) == 13


def test_the_same_fault_for_many_rows() -> None:
    assert reject_rows([4, 7], gone("territory")).select("_row", "_column", "_code").rows() == [
        (4, "territory", "unknown_territory"),
        (7, "territory", "unknown_territory"),
    ]


def test_chunks_are_even(splitted: Splitter) -> None:
    content = HEADER + "".join(FULL.format(uid=f"R-{row}", points=row) for row in range(45_000))
    sizes = Counter(chunk.rows for chunk in splitted(content).chunks)
    assert len(sizes) == 3
    assert all(10_000 < size < 25_000 for size in sizes)

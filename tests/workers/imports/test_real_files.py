"""Files that nobody here wrote: read as their authors meant them, or refused with a clear code."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from domain.imports import FileRefused
from domain.shared.spreadsheets import guarded
from domain.shared.text import MAX_NOTES_LENGTH, text_fault
from workers.imports.chunks import read_chunk
from workers.imports.files import open_table
from workers.imports.kinds import Setting
from workers.imports.registry import KINDS
from workers.imports.rejects import assemble_rejects
from workers.imports.split import split_file

Upload = Callable[[str | bytes], Path]


def read(path: Path) -> tuple[list[str], list[tuple[str, ...]], list[str]]:
    with open_table(path) as table:
        batches = list(table.batches)
    rows = [row[1:] for batch in batches for row in batch.cells.rows()]
    return table.header, rows, [fault.code for batch in batches for fault in batch.faults.values()]


def test_csv_spectrum(real_data: Path) -> None:
    files = sorted((real_data / "csv-spectrum" / "csvs").iterdir())
    assert len(files) == 12
    for path in files:
        header, rows, faults = read(path)
        expected = json.loads((real_data / "csv-spectrum" / "json" / f"{path.stem}.json").read_text(encoding="utf-8"))
        if path.stem == "location_coordinates":  # its JSON names another phone number and is no list
            expected = [expected | {"Contact Phone Number": "2095257564"}]
        assert [dict(zip(header, row, strict=True)) for row in rows] == expected, path.name
        assert faults == []


CSVKIT_REFUSED = {
    "dummy.csv.bz2": "not_a_table",
    "dummy.xls": "old_workbook",
    "sheets.xls": "old_workbook",
    "test.xls": "old_workbook",
    "test_skip_lines.xls": "old_workbook",
    "empty.csv": "empty_file",
    "Datagov_FY10_EDU_recp_by_State.csv": "empty_file",
    "testdbf.dbf": "not_a_table",
    "test_geojson.json": "not_a_table",
    "testjson.json": "not_a_table",
    "testjson_multiline.json": "not_a_table",
    "testjson_nested.json": "not_a_table",
}
CSVKIT_FAULTS = {
    "bad.csv": ["too_many_cells", "too_few_cells"],
    "bad_skip_lines.csv": ["too_many_cells", "too_few_cells"],
    "join_a_short.csv": ["too_few_cells", "too_few_cells"],
    "test_join_short_rows.csv": ["too_few_cells", "too_few_cells"],
    "test_extra_header.csv": ["too_few_cells"],
    "sheets.xlsx": ["too_many_cells"],
    "test.xlsx": ["too_many_cells"],
    "test_skip_lines.xlsx": ["too_many_cells"],
    "sheetsxlsx_converted.csv": ["too_many_cells"],
}
NO_TABLES = {"LICENSE.wireservice.txt", "testfixed", "testfixed_skip_lines"}
PYTHON_READS_OTHERWISE = {
    # encodings, separators, blank records and nameless last columns are ours to deal with
    *CSVKIT_FAULTS, "dummy.csv.gz", "dummy.tsv", "sniff_limit.csv", "mac_newlines.csv", "test_latin1.csv",
    "test_utf16_big.csv", "test_utf16_little.csv", "test_skip_lines.csv", "test_empty_columns.csv",
    "test_empty_columns_long_row.csv", "test_empty_columns_short_row.csv", "blanks_converted.csv",
    "sheetsxls_converted.csv", "FY09_EDU_Recipients_by_State.csv",
}  # fmt: skip


def test_csvkit_examples(real_data: Path) -> None:
    files = [path for path in (real_data / "csvkit-examples").rglob("*") if path.is_file()]
    assert len(files) > 80
    for path in sorted(files):
        if path.name in NO_TABLES:
            continue
        if (code := CSVKIT_REFUSED.get(path.name)) is not None:
            with pytest.raises(FileRefused) as refused:
                read(path)
            assert refused.value.code == code, path.name
            continue
        header, rows, faults = read(path)
        assert faults == CSVKIT_FAULTS.get(path.name, []), path.name
        if path.suffix == ".csv" and path.name not in PYTHON_READS_OTHERWISE:
            text = path.read_bytes().decode("utf-8-sig")
            assert [header, *map(list, rows)] == list(csv.reader(io.StringIO(text, newline=""))), path.name


@pytest.mark.parametrize(
    ("name", "header", "rows"),
    [
        ("dummy.csv.gz", ["a", "b", "c"], [("1", "2", "3")]),
        ("dummy.tsv", ["a", "b", "c"], [("1", "2", "3")]),
        ("sniff_limit.csv", ["a", "b", "c"], [("1", "2", "3")]),
        ("mac_newlines.csv", ["a", "b", "c"], [("1", "2", "3"), ("Once upon\na time", "5", "6")]),
        ("test_latin1.csv", ["a", "b", "c"], [("1", "2", "3"), ("4", "5", "©")]),
        ("test_utf16_big.csv", ["a", "b", "c"], [("1", "2", "3"), ("4", "5", "ʤ")]),
        ("test_utf16_little.csv", ["a", "b", "c"], [("1", "2", "3"), ("4", "5", "ʤ")]),
        ("test_skip_lines.csv", ["a", "b", "c"], [("1", "2", "3")]),
        ("test_empty_columns.csv", ["a", "b", "c"], [("a", "", ""), ("", "", "c")]),
        ("null_byte.csv", ["a", "b", "c"], [("\0", "2", "3")]),
    ],
)
def test_csvkit_examples_in_other_dialects(
    name: str, header: list[str], rows: list[tuple[str, ...]], real_data: Path
) -> None:
    assert read(real_data / "csvkit-examples" / name) == (header, rows, [])


def test_points_in_windows_1252(real_data: Path) -> None:
    for name in ("Turkey.csv", "India.csv"):
        path = real_data / "territory-points" / name
        header, rows, faults = read(path)
        expected = list(csv.reader(io.StringIO(path.read_bytes().decode("cp1252"), newline="")))
        assert ([header, *map(list, rows)], faults) == (expected, [])


def geography(real_data: Path, name: str) -> list[list[str]]:
    with (real_data / "geo-bangladesh" / name / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_tree_of_bangladesh(real_data: Path, upload: Upload, tmp_path: Path) -> None:
    regions = {row[0]: row for row in geography(real_data, "divisions")}
    areas = {row[0]: row for row in geography(real_data, "districts")}
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["region_code", "region_name", "area_code", "area_name", "territory_code", "territory_name"])
    upazilas = geography(real_data, "upazilas")
    for upazila in upazilas:
        area = areas[upazila[1]]
        region = regions[area[1]]
        writer.writerow([f"R{region[0]}", region[2], f"A{area[0]}", area[3], f"T{upazila[0]}", upazila[3]])
    path = upload(buffer.getvalue())
    split = split_file(path, kind=KINDS["territories"], into=tmp_path, setting=Setting(country="BD"))
    assert (split.rows, split.rejected) == (494, 0)
    rows = read_chunk(split.chunks[0].path)
    assert rows["region_name"].n_unique() == 8
    assert rows["area_code"].n_unique() == 64
    assert rows["territory_name"].to_list() == [upazila[3] for upazila in upazilas]


def test_a_file_without_a_header_is_refused_naming_what_it_has(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "geo-bangladesh" / "upazilas" / "upazilas.csv"
    with pytest.raises(FileRefused, match=r"lacks the columns region_code.*Debidwar"):
        split_file(path, kind=KINDS["territories"], into=tmp_path, setting=Setting(country="BD"))


def test_naughty_strings_survive_or_are_rejected_by_name(
    real_data: Path, upload: Upload, setting: Setting, tmp_path: Path
) -> None:
    strings = json.loads((real_data / "blns" / "blns.json").read_text(encoding="utf-8"))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["uid", "notes"])
    writer.writerows((f"R-{number}", text) for number, text in enumerate(strings))
    path = upload(buffer.getvalue().encode())
    split = split_file(path, kind=KINDS["retailers"], into=tmp_path, setting=setting)
    stored = dict(read_chunk(split.chunks[0].path).select("uid", "notes").iter_rows())
    refused = {
        f"R-{number}": text
        for number, text in enumerate(strings)
        if text_fault(text, max_length=MAX_NOTES_LENGTH, multiline=True)
    }
    assert stored == {
        f"R-{number}": text or None for number, text in enumerate(strings) if f"R-{number}" not in refused
    }
    codes = pl.concat([pl.read_ipc(part) for part in split.reject_parts])["_code"]
    assert codes.to_list() == ["not_admissible_text"] * len(refused)
    target = tmp_path / "rejects.csv"
    assemble_rejects(path, parts=split.reject_parts, into=target)
    with target.open(encoding="utf-8", newline="") as file:
        assert {row["uid"]: row["notes"] for row in csv.DictReader(file)} == {
            uid: guarded(text) for uid, text in refused.items()
        }

"""What can be wrong with an uploaded file and its rows: stable codes, and sentences for the people who fix them."""

from typing import Final, NamedTuple

from domain.shared.text import shown

CLEAR: Final = r"\N"
SUPERSEDED: Final = "superseded"
NEEDED_TO_CREATE: Final = "needed_to_create"
UNKNOWN_TERRITORY: Final = "unknown_territory"
AMBIGUOUS_TERRITORY: Final = "ambiguous_territory"
UNKNOWN_DISTRIBUTOR: Final = "unknown_distributor"
AMBIGUOUS_DISTRIBUTOR: Final = "ambiguous_distributor"
REGION_MISMATCH: Final = "region_mismatch"
AREA_MISMATCH: Final = "area_mismatch"
CONTRADICTION: Final = "contradicts_other_row"
BROKEN_QUOTES: Final = "broken_quotes"
TOO_MANY_CELLS: Final = "too_many_cells"
TOO_FEW_CELLS: Final = "too_few_cells"
REQUIRED: Final = "required"
NOT_CLEARABLE: Final = "not_clearable"
NOT_AN_INTEGER: Final = "not_an_integer"
NOT_A_POSITION: Final = "not_a_position"
INCOMPLETE_POSITION: Final = "incomplete_position"
NOT_YES_OR_NO: Final = "not_yes_or_no"
TOO_MANY_ROUTES: Final = "too_many_routes"

_LISTED = 40


class FileRefused(Exception):  # noqa: N818  it says what happened to the file
    """A file that cannot be imported at all; nothing of it was used. `message` says what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RowFault(NamedTuple):
    """One thing wrong with one cell of a row."""

    column: str
    code: str
    message: str


def empty_file() -> FileRefused:
    return FileRefused("empty_file", "The file is empty: choose a file with a header line and at least one row.")


def no_rows() -> FileRefused:
    return FileRefused("no_rows", "The file has a header line but no rows below it: add the rows to import.")


def not_a_table(what: str) -> FileRefused:
    return FileRefused("not_a_table", f"The file is {what}, not a table: upload a CSV or XLSX file.")


def old_workbook() -> FileRefused:
    return FileRefused("old_workbook", "The file is an old Excel workbook (.xls): save it as XLSX or as CSV UTF-8.")


def encrypted(what: str) -> FileRefused:
    return FileRefused("encrypted", f"The {what} is protected by a password: save it without one and upload it again.")


def broken_archive(what: str, detail: str) -> FileRefused:
    return FileRefused("broken_file", f"The {what} is damaged ({detail}): make or download it again.")


def archive_members(names: list[str]) -> FileRefused:
    if not names:
        return FileRefused("archive_members", "The zip file holds no file: put exactly one CSV file into it.")
    return FileRefused(
        "archive_members",
        f"The zip file holds {len(names)} files ({_list(names)}): upload them one by one, or put exactly one into it.",
    )


def packed_twice(what: str) -> FileRefused:
    return FileRefused("packed_twice", f"The archive holds {what}: unpack it and upload what is inside.")


def too_large_unpacked(limit_bytes: int) -> FileRefused:
    return FileRefused(
        "too_large_unpacked",
        f"The file unpacks to far more than it should (over {_size(limit_bytes)} or 200 times its size):"
        " upload the rows as plain CSV, in several files if needed.",
    )


def too_many_sheet_rows(limit: int) -> FileRefused:
    return FileRefused("too_many_rows", f"The sheet has more than {limit:,} rows: save as CSV UTF-8 and upload that.")


def sheets_too_spread_out(limit: int) -> FileRefused:
    return FileRefused(
        "too_many_cells_in_sheet",
        f"The sheets, from their first cell to the last with something in it, have more than {limit:,} cells:"
        " delete what stands far from the table, or save as CSV UTF-8 and upload that.",
    )


def too_many_rows(limit: int, what: str) -> FileRefused:
    return FileRefused("too_many_rows", f"The file has more than {limit:,} {what}: split it into several files.")


def broken_text(encoding: str, row: int) -> FileRefused:
    return FileRefused(
        "broken_text",
        f"Row {row} holds bytes that are not {encoding} text: save the file as CSV UTF-8 and upload it again.",
    )


def line_too_long(row: int, limit_bytes: int) -> FileRefused:
    return FileRefused(
        "line_too_long",
        f"Row {row} is longer than {_size(limit_bytes)}: this is not a table with one row per line;"
        " check how the file was made.",
    )


def quote_not_closed(row: int, line: int, within: int | None = None) -> FileRefused:
    never = "never closed" if within is None else f"not closed within {_size(within)}"
    return FileRefused(
        "quote_not_closed",
        f'A quotation mark opened in row {row} (line {line}) is {never}: add the missing " or delete the one too many.',
    )


def missing_columns(missing: list[str], found: list[str]) -> FileRefused:
    noun = "column" if len(missing) == 1 else "columns"
    return FileRefused(
        "missing_column",
        f"The file lacks the {noun} {_list(missing)}; its header has: {_list(found) or 'nothing'}."
        " Name the columns in the first line.",
    )


def duplicate_columns(names: list[str]) -> FileRefused:
    return FileRefused(
        "duplicate_column", f"The header names {_list(names)} more than once: keep one column of that name."
    )


def too_many_columns(found: int, limit: int) -> FileRefused:
    return FileRefused("too_many_columns", f"The header has {found} columns; at most {limit} are possible.")


def unknown_columns_ignored(names: list[str]) -> str:
    noun = "column was" if len(names) == 1 else "columns were"
    return f"Unknown {noun} ignored: {_list(names)}."


def read_as_windows_1252() -> str:
    return "The file is not UTF-8; it was read as Windows-1252. If letters look wrong, save it as CSV UTF-8."


def other_sheets_ignored(read: str, others: int) -> str:
    return f"Only the sheet {shown(read)} was read; {others} more with data were ignored."


def required(column: str) -> str:
    return f"{title(column)} is empty: every row needs one."


def not_clearable(column: str) -> str:
    return rf"{title(column)} cannot be emptied with \N: leave the cell empty to keep what is stored."


def incomplete_pair(first: str, second: str, given: str) -> str:
    return f"{title(first)} and {second} come together, but only {shown(given)} is given: add the other one."


def needed_to_create(key: str, missing: list[str]) -> RowFault:
    names = missing[0] if len(missing) == 1 else ", ".join(missing[:-1]) + " and " + missing[-1]
    return RowFault(
        missing[0], NEEDED_TO_CREATE, f"{shown(key)} does not exist yet: to create it, {names} must be given."
    )


def superseded_by(key: str, row: int) -> RowFault:
    return RowFault(
        "", SUPERSEDED, f"{shown(key)} is given again in row {row}: the last one counts, this was left out."
    )


def still_superseded() -> RowFault:
    return RowFault(
        "_code", SUPERSEDED, "Still marked superseded, so it was skipped: empty its _code cell if it is to count."
    )


def gone(column: str) -> RowFault:
    """A reference that was there when the file was read and is not any more."""
    code = UNKNOWN_DISTRIBUTOR if column == "distributor" else UNKNOWN_TERRITORY
    return RowFault(column, code, f"The {column} was deleted while the file was being loaded: choose another one.")


def unknown_reference(column: str, value: str, suggestion: str | None) -> RowFault:
    hint = f"did you mean {shown(suggestion)}?" if suggestion else f"create it first, or give the {column}'s code."
    code = UNKNOWN_DISTRIBUTOR if column == "distributor" else UNKNOWN_TERRITORY
    return RowFault(column, code, f"There is no {column} {shown(value)}: {hint}")


def ambiguous_reference(column: str, value: str, codes: list[str]) -> RowFault:
    code = AMBIGUOUS_DISTRIBUTOR if column == "distributor" else AMBIGUOUS_TERRITORY
    return RowFault(
        column, code, f"{len(codes)} entries are named {shown(value)}: give the code instead, one of {_list(codes, 6)}."
    )


def other_parent(column: str, value: str, territory: str, actual: str) -> RowFault:
    code = REGION_MISMATCH if column == "region" else AREA_MISMATCH
    return RowFault(
        column,
        code,
        f"Territory {shown(territory)} belongs to {column} {shown(actual)}, not {shown(value)}: correct one of them.",
    )


def contradiction(column: str, value: str, group: str, other: str, row: int) -> RowFault:
    return RowFault(
        column,
        CONTRADICTION,
        f"{shown(group)} has {column} {shown(other)} in row {row}, but {shown(value)} here: make them the same.",
    )


def broken_quotes() -> RowFault:
    return RowFault("", BROKEN_QUOTES, 'Text stands after a closing quotation mark: write " inside a cell as "".')


def wrong_width(cells: int, columns: int, surplus: list[str]) -> RowFault:
    if surplus:
        return RowFault(
            "",
            TOO_MANY_CELLS,
            f"{cells} cells, but the header has {columns} (too many: {_list(surplus, 5)}):"
            " put a cell that contains the separator into quotation marks.",
        )
    return RowFault("", TOO_FEW_CELLS, f"Only {cells} of the header's {columns} cells: is the line complete?")


def title(column: str) -> str:
    """A column's name at the beginning of a sentence."""
    return column.replace("_", " ").capitalize()


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


def _list(names: list[str], at_most: int = _LISTED) -> str:
    text = ", ".join(shown(name) for name in names[:at_most])
    return text if len(names) <= at_most else f"{text} and {len(names) - at_most} more"

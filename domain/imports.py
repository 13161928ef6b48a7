"""What can be wrong with an uploaded file and its rows: stable codes, and sentences for the people who fix them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.shared.text import shown

CLEAR: Final = r"\N"
SUPERSEDED: Final = "superseded"
NEEDED_TO_CREATE: Final = "needed_to_create"
UNKNOWN_TERRITORY: Final = "unknown_territory"
AMBIGUOUS_TERRITORY: Final = "ambiguous_territory"
UNKNOWN_REGION: Final = "unknown_region"
UNKNOWN_AREA: Final = "unknown_area"
UNKNOWN_DISTRIBUTOR: Final = "unknown_distributor"
AMBIGUOUS_DISTRIBUTOR: Final = "ambiguous_distributor"
REGION_MISMATCH: Final = "region_mismatch"
AREA_MISMATCH: Final = "area_mismatch"
UNKNOWN_RETAILER: Final = "unknown_retailer"
UNKNOWN_SR: Final = "unknown_sr"
SR_UNAVAILABLE: Final = "sr_unavailable"
UNKNOWN_ROLE: Final = "unknown_role"
OWN_ACCOUNT: Final = "own_account"
HOLDS_RETAILERS: Final = "in_use"
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
_UNKNOWN: Final = {
    "territory": UNKNOWN_TERRITORY,
    "distributor": UNKNOWN_DISTRIBUTOR,
    "region": UNKNOWN_REGION,
    "area": UNKNOWN_AREA,
}


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


def missing_columns(
    missing: list[str], found: list[str], *, likely: Mapping[str, str] = MappingProxyType({}), note: str = ""
) -> FileRefused:
    """`likely` are names of the header by what they may have been meant for; `note` tells where the header stands."""
    noun = "column" if len(missing) == 1 else "columns"
    guesses = ", ".join(f"{shown(given)} for {meant}" for meant, given in likely.items())
    parts = (
        f"The file lacks the {noun} {_list(missing)}; its header has: {_list(found) or 'nothing'}.",
        f"Did you mean {guesses}?" if guesses else "Name the columns in the first line.",
        note,
    )
    return FileRefused("missing_column", " ".join(part for part in parts if part))


def duplicate_columns(names: list[str]) -> FileRefused:
    return FileRefused(
        "duplicate_column", f"The header names {_list(names)} more than once: keep one column of that name."
    )


def too_many_columns(found: int, limit: int) -> FileRefused:
    return FileRefused("too_many_columns", f"The header has {found} columns; at most {limit} are possible.")


def unknown_columns_ignored(names: list[str], likely: Mapping[str, str]) -> str:
    """`likely` are names of the header by the column that they may have been meant for."""
    noun = "column was" if len(names) == 1 else "columns were"
    guesses = ", ".join(f"{meant} by {shown(given)}" for meant, given in likely.items())
    return f"Unknown {noun} ignored: {_list(names)}." + (f" Did you mean {guesses}?" if guesses else "")


def read_as_windows_1252() -> str:
    return "The file is not UTF-8; it was read as Windows-1252. If letters look wrong, save it as CSV UTF-8."


def other_sheets_ignored(read: str, others: int) -> str:
    rest = "1 more with data was ignored" if others == 1 else f"{others} more with data were ignored"
    return f"Only the sheet {shown(read)} was read; {rest}."


def only_first_sheet(read: str) -> str:
    return (
        f"Only the first sheet with data is read, here {shown(read)}:"
        " move the sheet with the table to the first place, or delete the others."
    )


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
    return RowFault(
        column, _UNKNOWN[column], f"The {column} was deleted while the file was being loaded: choose another one."
    )


def unknown_reference(column: str, value: str, suggestions: Sequence[str]) -> RowFault:
    hint = did_you_mean(suggestions) or f"create it first, or give the {column}'s code."
    return RowFault(column, _UNKNOWN[column], f"There is no {column} {shown(value)}: {hint}")


def ambiguous_reference(column: str, value: str, codes: list[str]) -> RowFault:
    code = AMBIGUOUS_DISTRIBUTOR if column == "distributor" else AMBIGUOUS_TERRITORY
    return RowFault(
        column, code, f"{len(codes)} entries are named {shown(value)}: give the code instead, one of {_list(codes, 6)}."
    )


def other_parent(column: str, value: str, territory: str, actual: str, suggestions: Sequence[str]) -> RowFault:
    code = REGION_MISMATCH if column == "region" else AREA_MISMATCH
    hint = did_you_mean(suggestions) or "correct one of them."
    return RowFault(
        column, code, f"Territory {shown(territory)} belongs to {column} {shown(actual)}, not {shown(value)}: {hint}"
    )


def unknown_retailer(uid: str) -> RowFault:
    return RowFault(
        "uid", UNKNOWN_RETAILER, f"There is no retailer {shown(uid)}: correct the uid, or import the retailer first."
    )


def unknown_sr(login: str, suggestions: Sequence[str]) -> RowFault:
    hint = did_you_mean(suggestions) or "correct the login, or create the user first."
    return RowFault("sr_login", UNKNOWN_SR, f"There is no user {shown(login)}: {hint}")


def sr_unavailable(login: str, *, is_sr: bool) -> RowFault:
    fault = "is disabled: enable them first, or choose another SR" if is_sr else "is not an SR: choose an SR"
    return RowFault("sr_login", SR_UNAVAILABLE, f"{shown(login)} {fault}.")


def sr_gone() -> RowFault:
    """An SR who was one when the file was read and is not any more."""
    return RowFault(
        "sr_login", SR_UNAVAILABLE, "This SR was disabled while the file was being loaded: choose another one."
    )


def own_account(column: str, login: str) -> RowFault:
    return RowFault(
        column,
        OWN_ACCOUNT,
        f"{shown(login)} is your own account, which you cannot disable or give another role: ask another admin.",
    )


def holds_retailers(column: str, login: str, held: int) -> RowFault:
    noun = "retailer" if held == 1 else "retailers"
    return RowFault(
        column,
        HOLDS_RETAILERS,
        f"{shown(login)} holds {held:,} {noun} and so stays an SR: assign them to somebody else first.",
    )


def without_password() -> str:
    """The warning of a job that created users."""
    return "New users have no password: nobody can log in as one of them before an admin has set it."


def did_you_mean(suggestions: Sequence[str]) -> str:
    """The question at the end of a sentence; nothing without suggestions."""
    return f"did you mean {' or '.join(shown(one) for one in suggestions)}?" if suggestions else ""


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

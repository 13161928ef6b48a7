"""Cells that a spreadsheet would run as a formula, and the one apostrophe that keeps it from doing so.

A cell is dangerous when it begins with `=`, `+`, `-`, `@`, a tab or a carriage return and is neither a plain number
nor an E.164 phone number (https://owasp.org/www-community/attacks/CSV_Injection). Exports put one apostrophe before
apostrophes-then-dangerous, imports take exactly one away: what went out comes back, whatever the text was.
"""

import re
from typing import Final

# Written for Rust's regex syntax too: exports and imports apply the same patterns to whole columns.
HARMLESS: Final = r"^(?:[+-]?[0-9]+(?:\.[0-9]+)?|\+[1-9][0-9]{6,14})$"
RUN_BY_SPREADSHEET: Final = r"^'*[=+\-@\t\r]"
QUOTED_FOR_SPREADSHEET: Final = r"^'+[=+\-@\t\r]"

_HARMLESS = re.compile(HARMLESS.replace("$", r"\Z"))
_RUN = re.compile(RUN_BY_SPREADSHEET)
_QUOTED = re.compile(QUOTED_FOR_SPREADSHEET)


def guarded(cell: str) -> str:
    """The cell as an export writes it."""
    return f"'{cell}" if _RUN.search(cell) and not _HARMLESS.search(cell.lstrip("'")) else cell


def unguarded(cell: str) -> str:
    """The cell as an import reads it."""
    return cell[1:] if _QUOTED.search(cell) and not _HARMLESS.search(cell.lstrip("'")) else cell

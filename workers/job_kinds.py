"""Every kind of job, listed by hand."""

from types import MappingProxyType
from typing import Final

from workers.actions.steps import finish_action, load_action, split_action
from workers.assignments.returns import load_return, split_return
from workers.assignments.steps import finish_assignment, load_assignment, split_assignment
from workers.exports.registry import KINDS as EXPORTS
from workers.exports.steps import finish_export, load_export, split_export
from workers.imports.steps import finish_import, load_import, split_import
from workers.jobs.kind import JobKind, JobKinds
from workers.undo.steps import (
    finish_undo,
    load_undo_of_assignments,
    load_undo_of_rows,
    split_undo_of_assignments,
    split_undo_of_distributors,
    split_undo_of_retailers,
    split_undo_of_territories,
)
from workers.undo.users import load_undo_of_users, split_undo_of_users

_IMPORT: Final = JobKind(split=split_import, load=load_import, finish=finish_import, writes_retailers=True)

# Territories and distributors count as writers of retailers: their names stand in the books.
JOB_KINDS: Final[JobKinds] = MappingProxyType(
    {
        ("action", "jobs"): JobKind(split=split_action, load=load_action, finish=finish_action),
        **{("export", name): JobKind(split=split_export, load=load_export, finish=finish_export) for name in EXPORTS},
        ("import", "retailers"): _IMPORT,
        ("import", "territories"): _IMPORT,
        ("import", "distributors"): _IMPORT,
        ("import", "users"): JobKind(split=split_import, load=load_import, finish=finish_import),
        ("import", "assignments"): _IMPORT,
        ("assignment", "assignments"): JobKind(
            split=split_assignment, load=load_assignment, finish=finish_assignment, writes_retailers=True
        ),
        ("return", "assignments"): JobKind(
            split=split_return, load=load_return, finish=finish_assignment, writes_retailers=True
        ),
        ("undo", "retailers"): JobKind(
            split=split_undo_of_retailers, load=load_undo_of_rows, finish=finish_undo, writes_retailers=True
        ),
        ("undo", "territories"): JobKind(
            split=split_undo_of_territories, load=load_undo_of_rows, finish=finish_undo, writes_retailers=True
        ),
        ("undo", "distributors"): JobKind(
            split=split_undo_of_distributors, load=load_undo_of_rows, finish=finish_undo, writes_retailers=True
        ),
        ("undo", "users"): JobKind(split=split_undo_of_users, load=load_undo_of_users, finish=finish_undo),
        ("undo", "assignments"): JobKind(
            split=split_undo_of_assignments, load=load_undo_of_assignments, finish=finish_undo, writes_retailers=True
        ),
    }
)

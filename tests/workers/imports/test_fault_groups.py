"""Faults counted by code and column, and all that is wrong with a rejected row told at once."""

import polars as pl

from domain import imports
from domain.imports import RowFault
from domain.jobs import FaultGroup, faults_by_code
from workers.imports.doubts import DOUBT_SCHEMA, with_doubts
from workers.imports.fault_groups import fault_groups
from workers.imports.registry import KINDS
from workers.imports.rejects import reject_frame


def test_rows_with_several_faults_count_in_each_group_and_the_first_row_is_the_example() -> None:
    one = reject_frame(
        [
            (9, RowFault("phone", "not_a_phone", "Nine.")),
            (4, RowFault("phone | name", "not_a_phone | too_long", "Four. | Long.")),
            (5, RowFault("name", "too_long", "A | stands in the only sentence.")),
        ]
    )
    other = reject_frame([(3, RowFault("", "broken_quotes", "Three.")), (2, RowFault("phone", "not_a_phone", "Two."))])
    groups = fault_groups([one, other])
    assert groups == (
        FaultGroup(code="not_a_phone", column="phone", count=3, example="Two.", example_row=2),
        FaultGroup(code="too_long", column="name", count=2, example="Long.", example_row=4),
        FaultGroup(code="broken_quotes", column="", count=1, example="Three.", example_row=3),
    )
    assert faults_by_code(groups) == {"not_a_phone": 3, "too_long": 2, "broken_quotes": 1}
    assert fault_groups([]) == fault_groups([reject_frame([])]) == ()


def test_a_rejected_row_with_a_new_key_is_told_what_creating_needs() -> None:
    rejects = reject_frame([(2, RowFault("phone", "not_a_phone", "Two.")), (3, RowFault("phone", "not_a_phone", "3."))])
    doubtful = pl.DataFrame([(2, "U1", "name,territory"), (3, "U2", "name")], schema=DOUBT_SCHEMA, orient="row")
    told = with_doubts(KINDS["retailers"], rejects, doubtful, ["U2"])
    assert told.rows() == [
        (
            2,
            "phone | name",
            "not_a_phone | needed_to_create",
            f"Two. | {imports.needed_to_create('U1', ['name', 'territory']).message}",
        ),
        (3, "phone", "not_a_phone", "3."),
    ]

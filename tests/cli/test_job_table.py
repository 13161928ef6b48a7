"""`haat jobs list`: one line per job, whole at 80 columns and unbroken in a pipe."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli.job_answers import Counts, FaultGroup, Job, Progress
from cli.job_table import print_faults, print_jobs

AT = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)
SUBJECTS = (("import", "retailers"), ("assignment", "assignments"), ("undo", "assignments"), ("import", "territories"))
STATES = ("succeeded", "running", "cancelled", "queued")


def _jobs() -> list[Job]:
    return [
        Job(
            id=f"019aa5c4-0f7b-7{number:03}-8d5e-3d0f6a1b2c3d",
            kind=kind,
            subject=subject,
            mode="dry_run" if number == 3 else "apply",
            state=state,
            submitted_at=AT,
            started_at=AT,
            finished_at=AT if state in {"succeeded", "cancelled"} else None,
            counts=Counts(rows=100_000, created=99_000, rejected=1_000),
            progress=Progress(done=99_000, total=100_000, step="load"),
        )
        for number, ((kind, subject), state) in enumerate(zip(SUBJECTS, STATES, strict=True))
    ]


def _printed(organisations: tuple[str | None, ...], *, terminal: bool, width: int = 80) -> list[str]:
    target = io.StringIO()
    console = Console(file=target, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    print_jobs(console, list(zip(organisations, _jobs(), strict=True)))
    return target.getvalue().splitlines()


@pytest.mark.parametrize("organisations", [(None,) * 4, ("demo",) * 4, ("demo", "a-rather-long-code", "x", "demo")])
def test_a_job_is_one_line_of_a_terminal_of_80_columns(organisations: tuple[str | None, ...]) -> None:
    lines = _printed(organisations, terminal=True)
    assert len(lines) == 1 + len(STATES)
    assert all(len(line.rstrip()) <= 80 for line in lines)
    for line, job in zip(lines[1:], _jobs(), strict=True):
        assert line.startswith(job.id)
        assert job.state in line
    assert "99%" in lines[2]


def test_the_organisation_is_told_only_where_there_are_several() -> None:
    assert "demo" not in "".join(_printed(("demo",) * 4, terminal=False))
    assert "demo" in "".join(_printed(("demo", "other", "x", "y"), terminal=False))
    assert "other" in "".join(_printed(("demo", "other", "x", "y"), terminal=True))


def test_a_piped_list_is_whole_and_has_no_seconds() -> None:
    lines = _printed(("demo", "a-rather-long-code", "x", "demo"), terminal=False)
    assert len(lines) == 1 + len(STATES)
    assert "a-rather-long-code" in lines[2]
    assert "99,000 of 100,000" in lines[2]
    assert lines[4].split()[2:4] == ["check", "territories"]
    assert ":15" not in "".join(lines)


def test_faults_stand_in_a_small_table_with_an_example_each() -> None:
    target = io.StringIO()
    groups = tuple(FaultGroup(code=f"code_{n}", column="phone", count=20 - n) for n in range(13))
    first = FaultGroup(
        code="unknown_territory", column="territory", count=1_180, example="There is no [Mirpr-10].", example_row=412
    )
    job = Job(id="1", kind="import", mode="apply", state="succeeded", submitted_at=AT, fault_groups=(first, *groups))
    print_faults(Console(file=target, width=60), job)
    lines = target.getvalue().splitlines()
    assert lines[0].split() == ["rows", "column", "fault", "for", "example"]
    assert lines[1].rstrip().split(maxsplit=3) == [
        "1,180", "territory", "unknown_territory", "row 412: There is no [Mirpr-10].",
    ]  # fmt: skip
    assert lines[-1].strip() == "and 2 more kinds of faults: see the rejected rows."
    assert len(lines) == 1 + 12 + 1

"""Progress: a bar on a terminal, plain lines in a log."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli.job_answers import Counts, Job, Progress
from cli.job_display import counted, details, display, duration, size, step

JOB = Job(id="1", kind="import", mode="apply", state="running", submitted_at=datetime(2026, 1, 1, tzinfo=UTC))


def _shown(*, terminal: bool) -> str:
    target = io.StringIO()
    console = Console(file=target, force_terminal=terminal, width=120, legacy_windows=False)
    with display(console, "import") as where:
        for done in range(0, 1001, 10):
            where.show(done, 1000, f"{done} accepted", "split" if done < 500 else "load")
    return target.getvalue()


def test_a_log_gets_a_line_per_step_and_the_last_state_without_control_codes() -> None:
    lines = _shown(terminal=False).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["import split", "import load", "import load"]
    assert lines[-1].strip() == "import load: 1,000 of 1,000  1000 accepted"
    assert not set("\x1b\r\x08") & set("".join(lines))


def test_a_terminal_gets_a_bar_that_ends_full() -> None:
    text = _shown(terminal=True)
    assert "\x1b[" in text
    assert "100 %" in text


def test_details_name_speed_time_left_and_what_became_of_the_rows() -> None:
    job = Job(
        **{name: getattr(JOB, name) for name in ("id", "kind", "mode", "state", "submitted_at")},
        progress=Progress(done=50, total=100, unit="rows", step="load"),
        counts=Counts(rows=50, created=40, unchanged=5, rejected=5),
        rate_per_s=1234.5,
        eta_s=65,
    )
    assert details(job) == "1,234 rows/s · 1 min 5 s left · [green]45 accepted[/] · [yellow]5 rejected[/]"
    assert step(job) == "load"


@pytest.mark.parametrize(
    ("kind", "mode", "counts", "text"),
    [
        ("import", "apply", Counts(rows=1, created=1), "1 row · 1 created"),
        (
            "import",
            "dry_run",
            Counts(rows=9, created=2, updated=3, unchanged=3, rejected=1),
            "9 rows · 2 would be created · 3 would be updated · 3 unchanged · 1 rejected",
        ),
        ("assignment", "apply", Counts(rows=51, created=10, updated=41), "51 rows · 10 newly assigned · 41 moved"),
        ("undo", "apply", Counts(rows=51, updated=50, rejected=1), "51 rows · 50 restored · 1 left alone"),
    ],
)
def test_the_counts_use_the_words_of_the_kind_of_job(kind: str, mode: str, counts: Counts, text: str) -> None:
    job = Job(id="1", kind=kind, mode=mode, state="succeeded", submitted_at=JOB.submitted_at, counts=counts)
    assert counted(job) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.6, "1 min 0 s"), (3671, "61 min 11 s")]
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1,023 B"), (15_248_864, "14.5 MiB"), (3 << 40, "3,072.0 GiB")]
)
def test_sizes_read_as_people_say_them(count: int, text: str) -> None:
    assert size(count) == text

"""`haat jobs` and `haat workers` as the operator of the installation uses them: across organisations."""

import asyncio
import uuid
from collections.abc import Iterator

import asyncpg
import pytest

from tests.builders.organisations import Founded, found
from tests.cli.conftest import Haat, sql
from tests.conftest import Database

JOB = (
    "INSERT INTO jobs (tenant_id, id, kind, subject, mode, state, phase, total, rows, created, rejected, started_at,"
    " finished_at, file_name, error) VALUES ($1, $2, 'import', 'retailers', 'apply', $3, $4, 100, 100, 97, 3, now(),"
    " CASE WHEN $3 IN ('queued', 'running') THEN NULL ELSE now() END, 'shops.csv', $5::jsonb)"
)


@pytest.fixture(name="acme")
def _acme(database: Database) -> Iterator[Founded]:
    yield asyncio.run(found(database, password="x"))
    sql(database, lambda c: c.execute("TRUNCATE organisations, workers CASCADE"))


def _job(database: Database, acme: Founded, state: str = "succeeded", error: str | None = None) -> str:
    job_id = uuid.uuid4()
    phase = "ended" if state not in {"queued", "running"} else "load"
    sql(database, lambda c: c.execute(JOB, acme.tenant_id, job_id, state, phase, error))
    return str(job_id)


async def _letters(connection: asyncpg.Connection, acme: Founded, events: list[uuid.UUID]) -> None:
    rows = [(acme.tenant_id, event_id) for event_id in events]
    await connection.executemany(
        "INSERT INTO outbox (tenant_id, id, type, payload) VALUES ($1, $2, 'jobs.job_submitted.v1', '{}')", rows
    )
    await connection.executemany(
        "INSERT INTO deliveries (tenant_id, event_id, subscriber, state, attempts, last_error)"
        " VALUES ($1, $2, 'mail', 'dead', 8, 'the mail server said no')",
        rows,
    )


def test_the_list_shows_all_organisations_newest_first(haat: Haat, database: Database, acme: Founded) -> None:
    other = asyncio.run(found(database, password="x"))
    first, second = _job(database, acme), _job(database, other, "running")
    lines = haat("jobs", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.split() and line.split()[0] in {first, second}] == [second, first]
    assert acme.code in next(line for line in lines if first in line)
    assert second not in haat("jobs", "list", "--state", "succeeded").stdout
    assert second in haat("jobs", "list", "--since", "2026-01-01", "--kind", "import").stdout
    assert second not in haat("jobs", "list", "--before", "2026-01-01").stdout
    assert second not in haat("jobs", "list", "--submitted-by", str(uuid.uuid4())).stdout


def test_an_empty_list_says_so(haat: Haat, acme: Founded) -> None:
    assert haat("jobs", "list").stdout.strip() == "No jobs."
    assert haat("jobs", "dead").stdout.strip() == "No dead letters."
    assert acme.code


def test_one_job_is_shown_with_its_counts_file_and_error(haat: Haat, database: Database, acme: Founded) -> None:
    job_id = _job(database, acme, "failed", '{"code": "broken", "message": "The disk was full."}')
    shown = haat("jobs", "show", job_id).stdout
    for named in (acme.code, "shops.csv", "failed", "The disk was full.", "100 rows", "97 created", "3 rejected"):
        assert named in shown
    unknown = haat("jobs", "show", str(uuid.uuid4()))
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "There is no job" in unknown.stderr


def test_a_queued_job_is_cancelled_and_an_ended_one_is_not(haat: Haat, database: Database, acme: Founded) -> None:
    job_id = _job(database, acme, "queued")
    assert haat("jobs", "cancel", job_id).exit_code == 0
    assert sql(database, lambda c: c.fetchval("SELECT state FROM jobs WHERE id = $1", uuid.UUID(job_id))) == "cancelled"
    again = haat("jobs", "cancel", job_id)
    assert again.exit_code == 1
    assert "cancelled already" in again.stderr


def test_a_failed_job_is_taken_up_again_and_a_running_one_is_not(haat: Haat, database: Database, acme: Founded) -> None:
    failed, running = _job(database, acme, "failed"), _job(database, acme, "running")
    assert haat("jobs", "retry", failed).exit_code == 0
    assert sql(database, lambda c: c.fetchval("SELECT state FROM jobs WHERE id = $1", uuid.UUID(failed))) == "queued"
    assert "only failed and cancelled" in haat("jobs", "retry", running).stderr.lower()


def test_dead_letters_are_listed_and_sent_again_one_or_all(haat: Haat, database: Database, acme: Founded) -> None:
    events = [uuid.uuid4() for _ in range(3)]
    sql(database, lambda c: _letters(c, acme, events))
    listed = haat("jobs", "dead").stdout
    assert all(str(event_id) in listed for event_id in events)
    assert "the mail server said no" in listed
    assert "1 delivery will be tried again" in haat("jobs", "resend", str(events[0])).stdout
    assert "2 deliveries will be tried again" in haat("jobs", "resend", "--all").stdout
    assert haat("jobs", "dead").stdout.strip() == "No dead letters."
    unknown = haat("jobs", "resend", str(events[0]))
    assert unknown.exit_code == 1
    assert str(events[0]) in unknown.stderr
    assert haat("jobs", "resend").exit_code == 1


def test_workers_tell_who_is_alive_what_they_do_and_what_waits(haat: Haat, database: Database, acme: Founded) -> None:
    assert acme.code
    nobody = haat("workers")
    assert nobody.exit_code == 3
    assert "No worker is alive" in nobody.stdout
    doing = '[{"step": "load", "chunk": 3, "job_id": "0190"}]'
    insert = (
        "INSERT INTO workers (id, kind, host, pid, concurrency, doing, seen_at) VALUES"
        f" (gen_random_uuid(), 'worker', 'here', 11, 4, '{doing}', now()),"
        " (gen_random_uuid(), 'worker', 'gone', 12, 4, '[]', now() - interval '90 seconds')"
    )
    sql(database, lambda c: c.execute(insert))
    alive = haat("workers")
    assert alive.exit_code == 0
    assert "load 3 of job 0190" in alive.stdout
    assert "1 min 30 s ago" in alive.stdout
    assert "0 dead letters" in alive.stdout


def test_watching_needs_a_login(haat: Haat, database: Database, acme: Founded) -> None:
    assert "--login" in haat("jobs", "show", _job(database, acme), "--watch").stderr


@pytest.mark.parametrize(
    "words",
    [
        ("export", "retailers", "--out"),
        ("import", __file__, "--rejects"),
        ("jobs", "show", str(uuid.uuid4()), "--rejects"),
        ("jobs", "show", str(uuid.uuid4()), "--result"),
    ],
)
def test_a_folder_that_is_not_there_is_told_before_anything_is_done(haat: Haat, words: tuple[str, ...]) -> None:
    done = haat(*words, "/nowhere/at/all.csv", "--login", "a@b.test", env={"HAAT_URL": "http://127.0.0.1:9"})
    assert done.exit_code == 2
    assert "there is no folder /nowhere/at" in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("words", [("jobs", "list"), ("jobs", "dead"), ("workers",)])
def test_a_database_that_is_away_is_told_in_plain_words(haat: Haat, words: tuple[str, ...]) -> None:
    done = haat(*words, env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert done.exit_code == 1
    assert "PostgreSQL cannot be reached" in done.stderr


def test_asking_over_http_where_nobody_answers_names_the_address(haat: Haat) -> None:
    words = ("jobs", "list", "--login", "a@b.test", "--url", "http://127.0.0.1:9")
    done = haat(*words, env={"HAAT_PASSWORD": "x"})
    assert done.exit_code == 1
    waiting, refusal = done.stderr.splitlines()
    assert waiting == "Waiting for http://127.0.0.1:9 …"
    assert "Nobody answers at http://127.0.0.1:9" in refusal

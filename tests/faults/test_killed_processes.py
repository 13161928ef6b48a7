"""Whatever process dies by SIGKILL in the middle of bulk work: the outcome is that of an undisturbed run."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from redis import Redis

from tests.faults.bulk_work import IN_LOAD, IN_RENDER, IN_SPLIT, Holdings, Moment, Organisation, shops
from tests.people import Json
from tests.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ROWS = 100_000
SRS = 1_400
# A worker that dies costs the time of its lease, so it dies less often than the others.
SCENARIOS: tuple[tuple[str, Sequence[Moment], Sequence[Moment]], ...] = (
    ("api", (IN_LOAD,), (IN_LOAD,)),
    ("worker", (IN_LOAD,), (IN_LOAD,)),
    ("relay", (IN_SPLIT, IN_LOAD), (IN_LOAD, IN_RENDER)),
    ("redis", (IN_SPLIT, IN_LOAD), (IN_LOAD, IN_RENDER)),
    ("postgres", (IN_SPLIT, IN_LOAD), (IN_LOAD, IN_RENDER)),
    ("everything", (IN_SPLIT,), (IN_RENDER,)),
)


@dataclass(frozen=True)
class Outcome:
    """What the two jobs say they did, and what there is in the end."""

    import_counts: Json
    assignment_counts: Json
    holdings: Holdings


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> Outcome:
    outcome = run(stack, "undisturbed")
    assert len(outcome.holdings.holders) == outcome.import_counts["created"] == 98_900
    assert max(outcome.holdings.loads) - min(outcome.holdings.loads) <= 1
    assert len(outcome.holdings.loads) == SRS
    return outcome


@pytest.mark.parametrize(("victim", "importing", "assigning"), SCENARIOS, ids=[one[0] for one in SCENARIOS])
def test_a_killed_process_changes_nothing_about_the_outcome(
    victim: str, importing: Sequence[Moment], assigning: Sequence[Moment], stack: Stack, undisturbed: Outcome
) -> None:
    outcome = run(stack, f"killed-{victim}", victim, importing, assigning)
    assert outcome == undisturbed


def test_a_flushed_redis_changes_nothing_about_the_outcome(stack: Stack, undisturbed: Outcome) -> None:
    moments = (IN_SPLIT, IN_LOAD), (IN_LOAD, IN_RENDER)
    assert run(stack, "flushed", "what redis holds", *moments) == undisturbed


def run(
    stack: Stack, code: str, victim: str = "", importing: Sequence[Moment] = (), assigning: Sequence[Moment] = ()
) -> Outcome:
    """Import and assign; `victim` dies in each of the moments, and comes back."""
    organisation = Organisation(stack, code, srs=SRS)
    admin = organisation.admin
    imported = admin.upload("retailers", shops(ROWS))
    for moment in importing:
        strike(organisation, imported, victim, moment)
    import_counts = admin.finished(imported, seconds=180)["counts"]
    assigned = organisation.assign_all()
    for moment in assigning:
        strike(organisation, assigned, victim, moment)
    assignment_counts = admin.finished(assigned, seconds=180)["counts"]
    organisation.assert_no_book_is_stale()
    return Outcome(import_counts, assignment_counts, organisation.holdings())


def strike(organisation: Organisation, job: Json, victim: str, moment: Moment) -> None:
    """In that moment of the job the victim dies; once it is back, the job gets on by itself."""
    stack, ledger = organisation.stack, organisation.ledger
    pid = ledger.pid_at(job, moment)
    if victim == "what redis holds":
        with Redis.from_url(stack.servers.redis_url) as client:
            client.flushall()
    elif victim == "everything":
        stack.kill_everything()
        stack.restart("redis", "postgres")
    else:
        name = stack.named(pid) if victim == "worker" else victim
        stack.kill(name)
        stack.restart(name)
    _, done = ledger.progress(job)
    organisation.gets_on(job, done)

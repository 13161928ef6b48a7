"""One installation of real processes for each module of scenarios."""

import asyncio
from collections.abc import Generator, Iterator

import asyncpg
import pytest

from tests.stack import Stack, running_stack

FAILED = pytest.StashKey[bool]()
STANDS = {
    "jobs": "SELECT id, kind, state, phase, waiting_for, cancel_requested_at FROM jobs WHERE finished_at IS NULL",
    "chunks": (
        "SELECT c.job_id, c.number, c.step, c.state, c.attempt, c.run_after, c.error, lease_until, l.worker_id, now()"
        " FROM chunks c LEFT JOIN leases l USING (tenant_id, job_id, number, attempt)"
        " JOIN jobs j ON j.tenant_id = c.tenant_id AND j.id = c.job_id WHERE j.finished_at IS NULL LIMIT 40"
    ),
    "workers": "SELECT id, kind, pid, doing, now() - seen_at AS silent FROM workers",
    "statements": (
        "SELECT pid, application_name, state, wait_event_type, wait_event, now() - xact_start AS since,"
        " pg_blocking_pids(pid) AS blocked_by, left(query, 200) AS query FROM pg_stat_activity"
        " WHERE datname IS NOT NULL AND state <> 'idle'"
    ),
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # What PostgreSQL has promised must outlive its death.
    with running_stack(fast=False) as stack:
        yield stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def told_when_failed(request: pytest.FixtureRequest, stack: Stack) -> Iterator[None]:
    """Prints how the installation stood when a test failed: nobody sees it again."""
    yield
    if request.node.stash.get(FAILED, False):
        print(stack.story())  # noqa: T201  pytest shows it with the failure
        print(asyncio.run(_stand(stack)))  # noqa: T201


async def _stand(stack: Stack) -> str:
    connection = await asyncpg.connect(stack.servers.database_url)
    try:
        told = []
        for what, query in STANDS.items():
            told += [f"---- {what}", *(str(tuple(row)) for row in await connection.fetch(query))]
        return "\n".join(told)
    finally:
        await connection.close()

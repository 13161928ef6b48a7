"""A worker that dies right before its commit leaves nothing behind, whatever the kind of file."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.builders.bulk_work import BulkWork, csv_of
from tests.workers.steps.conftest import Place
from workers.jobs.work import Work

FILES = {
    "distributors": csv_of("code,name", ["D1,Other", "D2,New"]),
    "users": csv_of("login,name,role", ["new@restart.test,New,sr", "old@restart.test,Other,admin"]),
    "assignments": csv_of("uid,sr_login", ["U1,old@restart.test", "U2,old@restart.test"]),
}
STATE = (
    "SELECT 'd', code, name, version FROM distributors WHERE tenant_id = $1"
    " UNION ALL SELECT 'u', login, name || role, version FROM users"
    " WHERE tenant_id = $1 AND login LIKE '%@restart.test'"
    " UNION ALL SELECT 'a', uid, coalesce(ended_at::text, ''), count(*) OVER () FROM assignments a"
    " JOIN retailers r ON r.id = a.retailer_id WHERE a.tenant_id = $1"
    " UNION ALL SELECT 'i', subject, '', count(*) FROM before_images WHERE tenant_id = $1 GROUP BY subject"
    " UNION ALL SELECT 'm', '', '', count(*) FROM moved_retailers WHERE tenant_id = $1"
    " UNION ALL SELECT 'o', type, '', count(*) FROM outbox WHERE tenant_id = $1 GROUP BY type ORDER BY 1, 2, 3"
)


class Killed(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("kind", FILES)
async def test_a_killed_load_leaves_nothing_and_is_done_by_the_next_worker(
    kind: str, jobs: BulkWork, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.add("users", login="old@restart.test", name="Old", role="sr")
    await jobs.run_import(csv_of("uid,name,phone,territory", ["U1,One,01711000001,T1", "U2,Two,01711000002,T1"]))
    await place.give("U1", place.srs[0])
    job_id = await jobs.submit_import(FILES[kind], kind=kind)
    (number,) = await jobs.run_to_load(job_id)
    before = await place.rows(STATE, place.tenant_id)
    complete: Callable[..., Awaitable[None]] = Work.complete

    async def die(self: Work, *args: Any, **kwargs: Any) -> None:
        await complete(self, *args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Work, "complete", die)
        with pytest.raises(Killed):
            await jobs.run_chunk(job_id, number)
    assert await place.rows(STATE, place.tenant_id) == before
    await jobs.try_again(job_id, number)
    job = await jobs.run(job_id)
    assert (job.state, job.rows, job.created, job.updated, job.rejected) == ("succeeded", 2, 1, 1, 0)

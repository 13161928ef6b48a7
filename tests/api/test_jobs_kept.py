"""What a job offers ends when the documentation says so, whether or not it has been deleted yet."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from adapters.files import open_files
from adapters.settings import Settings
from tests.builders.old_rows import Attic
from tests.builders.organisations import Founded
from tests.conftest import Database
from tests.workers.jobs.conftest import eventually, working
from workers.retention import tidy

JOBS = "/api/v1/jobs"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
async def attic(database: Database, founded: Founded, settings: Settings, tmp_path: Path) -> AsyncIterator[Attic]:
    """The organisation that the clients are logged in to."""
    owner = await asyncpg.connect(database.owner_url)
    yield Attic(owner, founded, open_files(settings.storage_url), tmp_path)
    await owner.close()


async def links(admin: httpx.AsyncClient, job_id: object) -> dict[str, str | None]:
    answer = await admin.get(f"{JOBS}/{job_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, str | None] = answer.json()["links"]
    return found


def said(answer: httpx.Response) -> tuple[int, str, bool]:
    problem: dict[str, Any] = answer.json()
    return answer.status_code, problem["code"], "days" in problem["detail"]


async def test_a_failed_job_can_be_retried_for_seven_days(admin: httpx.AsyncClient, attic: Attic) -> None:
    late, early = await attic.job("failed", 7 * DAY + MINUTE), await attic.job("cancelled", 7 * DAY - MINUTE)
    assert said(await admin.post(f"{JOBS}/{late.id}/retry")) == (409, "retry_expired", True)
    assert (await admin.post(f"{JOBS}/{early.id}/retry")).status_code == 202


async def test_an_undo_can_be_retried_only_while_there_is_something_to_restore(
    admin: httpx.AsyncClient, attic: Attic
) -> None:
    for age, status in ((90 * DAY + MINUTE, 409), (90 * DAY - MINUTE, 202)):
        undo = await attic.job("failed", DAY, undo_of=(await attic.job("succeeded", age)).id)
        assert (await admin.post(f"{JOBS}/{undo.id}/retry")).status_code == status


@pytest.mark.parametrize("deleted", [False, True])
async def test_rejects_and_undo_are_offered_for_ninety_days(
    admin: httpx.AsyncClient, attic: Attic, settings: Settings, *, deleted: bool
) -> None:
    early, late = await attic.job("succeeded", 90 * DAY - MINUTE), await attic.job("succeeded", 91 * DAY)
    if deleted:
        async with working(settings) as machinery:

            async def is_deleted() -> bool:
                # The worker's own schedule tidies too, and whoever comes second leaves it to the first.
                await tidy(machinery)
                return await attic.left(late) == set()

            await eventually(is_deleted)
    offered = await links(admin, early.id)
    assert (offered["rejects"], offered["undo"]) == (f"{JOBS}/{early.id}/rejects", f"{JOBS}/{early.id}/undo")
    assert (await admin.get(f"{JOBS}/{early.id}/rejects")).text == "uid\n1\n"
    gone = await links(admin, late.id)
    assert (gone["rejects"], gone["undo"]) == (None, None)
    for path in ("rejects", "rejects/link"):
        assert said(await admin.get(f"{JOBS}/{late.id}/{path}")) == (404, "not_found", True)
    assert said(await admin.post(f"{JOBS}/{late.id}/undo")) == (409, "job_not_undoable", True)
    assert (await admin.post(f"{JOBS}/{early.id}/undo")).status_code == 202

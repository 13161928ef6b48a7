"""Everybody who watches a job shares one look at it, which nobody can take away from the others."""

import asyncio
import uuid
from typing import cast

import pytest

from api.shared_looks import SharedLooks
from domain.jobs import Job
from domain.shared.errors import NotFound

TENANT, JOB = uuid.uuid4(), uuid.uuid4()


class Asked:
    """Counts how often the job was really looked at; answers when it is let."""

    def __init__(self) -> None:
        self.times = 0
        self.begun, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Job:
        self.times += 1
        self.begun.set()
        await self.may_answer.wait()
        return cast("Job", self.times)


async def test_many_watchers_are_one_look_until_it_is_old() -> None:
    ask, young, old = Asked(), SharedLooks(60), SharedLooks(0)
    ask.may_answer.set()
    at_once: list[object] = list(await asyncio.gather(*(young.look(TENANT, JOB, ask) for _ in range(5))))
    later: object = await young.look(TENANT, JOB, ask)
    assert [*at_once, later] == [1] * 6
    one_by_one: list[object] = [await old.look(TENANT, JOB, ask) for _ in range(2)]
    assert one_by_one == [2, 3]


async def test_another_job_or_organisation_is_another_look() -> None:
    ask, looks = Asked(), SharedLooks(60)
    ask.may_answer.set()
    for tenant_id, job_id in ((TENANT, JOB), (uuid.uuid4(), JOB), (TENANT, uuid.uuid4())):
        await looks.look(tenant_id, job_id, ask)
    assert ask.times == 3


async def test_who_stops_watching_does_not_end_the_look_of_others() -> None:
    ask, looks = Asked(), SharedLooks(60)
    first, second = (asyncio.create_task(looks.look(TENANT, JOB, ask)) for _ in range(2))
    await ask.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    ask.may_answer.set()
    answer: object = await second
    assert answer == 1


async def test_all_who_share_a_look_hear_that_the_job_is_gone() -> None:
    looks = SharedLooks(60)

    async def gone() -> Job:
        raise NotFound("There is no job.")

    heard = await asyncio.gather(*(looks.look(TENANT, JOB, gone) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in heard] == [NotFound, NotFound]

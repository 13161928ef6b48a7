"""Assignments over HTTP, for admins: see what it would do, then do exactly that."""

import functools
from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.caller import Caller
from api.openapi import CREATES
from api.routes.imports import SubmittedJob
from commands.assignments.submit_assignment import SubmitAssignment, submit_assignment
from domain.assignments import (
    MAX_NAMED_RETAILERS,
    MAX_SRS,
    AssignmentRequest,
    Expect,
    Preview,
    Selection,
    Strategy,
)
from domain.retailers import RetailerFilter
from queries._selected_retailers import weigh
from queries.assignments.preview import assignment_preview
from queries.jobs.job_status import job_status

# 100,000 uids of 64 letters, each with its quotation marks and comma, and some room.
MAX_SELECTION_BYTES = 8 * 1024 * 1024

Uid = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["R-000123"])]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class FilterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The filters of the list of retailers; all that are given hold together."""

    region_id: UUID | None = None
    area_id: UUID | None = None
    territory_id: UUID | None = None
    distributor_id: UUID | None = None
    route: Text | None = None
    sr_id: UUID | None = None
    assigned: bool | None = None
    active: bool | None = None
    q: Text | None = None


class SelectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which retailers: exactly one of the members says it."""

    filter: FilterBody | None = None
    all: bool | None = None
    retailer_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_NAMED_RETAILERS)] | None = None
    retailer_uids: Annotated[list[Uid], msgspec.Meta(min_length=1, max_length=MAX_NAMED_RETAILERS)] | None = None


class TargetBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SRs who are to have them: ids of users."""

    sr_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_SRS)]


class WishBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wished for; `to` null takes the retailers from whoever has them."""

    select: Annotated[
        SelectBody, msgspec.Meta(examples=[{"filter": {"region_id": "0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b"}}])
    ]
    to: TargetBody | None
    strategy: Strategy = Strategy.BALANCE
    effective_on: Annotated[
        date | None,
        msgspec.Meta(
            description="It takes effect when this day begins in the organisation's zone; without it at once.",
            examples=["2026-12-01"],
        ),
    ] = None
    return_on: Annotated[
        date | None,
        msgspec.Meta(
            description="The retailers are only lent: they return when this day begins in the organisation's zone.",
            examples=["2026-12-15"],
        ),
    ] = None


class ExpectBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expect` of the preview, as it came."""

    count: Annotated[int, msgspec.Meta(ge=0)]
    digest: Annotated[str, msgspec.Meta(max_length=64)]


class AssignmentBody(WishBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was wished for in the preview, and what the preview showed."""

    expect: ExpectBody


class Assignments(Controller):
    """Who has which retailer."""

    path = "/assignments"
    tags = ("assignments",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @post(
        "/preview",
        status_code=200,
        operation_id="previewAssignment",
        summary="See what an assignment would do",
        responses=CREATES,
        request_max_body_size=MAX_SELECTION_BYTES,
    )
    async def preview(self, caller: NamedDependency[Caller], data: JSONBody[WishBody]) -> Preview:
        """Each SR's load before and after, and who loses how many retailers; nothing changes.

        `balance` evens out the loads of the SRs named, counting what they have beside the selection, and moves as few
        retailers as it can; `all_to_one` gives everything to the one SR named.
        """
        return await assignment_preview(caller.read, _request(data))

    @post(
        status_code=202,
        operation_id="submitAssignment",
        summary="Assign retailers",
        responses=CREATES,
        request_max_body_size=MAX_SELECTION_BYTES,
    )
    async def submit(self, caller: NamedDependency[Caller], data: JSONBody[AssignmentBody]) -> Response[SubmittedJob]:
        """A job does what the preview showed; 409 `drifted` when other retailers or holders are there by now.

        With `effective_on` it plans now and waits for its day (`waiting_for`); until then it can be cancelled. On the
        day, retailers whose holder has changed since stay as they are and are listed as rejects. With `return_on`
        another job, of kind `return`, gives the retailers back on that day.
        """
        command = SubmitAssignment(
            request=_request(data), expect=Expect(count=data.expect.count, digest=data.expect.digest)
        )
        job_id = await caller.run(functools.partial(submit_assignment, weigh=weigh), command, into=UUID)
        job = await job_status(caller.read, caller.services.job_progress, job_id)
        return Response(SubmittedJob(job), headers={"Location": job.links.self})


def _request(data: WishBody) -> AssignmentRequest:
    select = data.select
    wanted = None if select.filter is None else RetailerFilter(**msgspec.structs.asdict(select.filter))
    return AssignmentRequest(
        select=Selection(
            filter=wanted,
            all=select.all,
            retailer_ids=None if select.retailer_ids is None else tuple(select.retailer_ids),
            retailer_uids=None if select.retailer_uids is None else tuple(select.retailer_uids),
        ),
        to=None if data.to is None else tuple(data.to.sr_ids),
        strategy=data.strategy,
        effective_on=data.effective_on,
        return_on=data.return_on,
    )

"""Actions on many jobs over HTTP, for admins: see how many it would be, then act on exactly these."""

import functools
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.caller import Caller
from api.openapi import CREATES
from api.routes.imports import SubmittedJob
from commands.jobs.submit_action import SubmitAction, submit_action
from domain.job_actions import Action, ActionPreview, ActionRequest, ExpectJobs
from domain.jobs import JobFilter, OnCancel
from queries._jobs_to_act_on import jobs_to_act_on
from queries.jobs.action_preview import action_preview
from queries.jobs.job_status import job_status

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class JobFilterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The filters of the list of jobs; all that are given hold together."""

    state: Annotated[Literal["queued", "running", "failed", "cancelled"], msgspec.Meta(examples=["failed"])] | None = (
        None
    )
    kind: (
        Annotated[Literal["import", "assignment", "return", "undo", "export"], msgspec.Meta(examples=["import"])] | None
    ) = None
    submitted_by: UUID | None = None
    submitted_from: Instant | None = None
    submitted_before: Instant | None = None


class ActionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do to which jobs; `on_cancel` as for one job."""

    filter: JobFilterBody
    action: Annotated[Action, msgspec.Meta(examples=["retry"])]
    on_cancel: OnCancel = "keep"


class ExpectedActionBody(ActionBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked for in the preview, and what the preview showed."""

    expect: ExpectJobs


class JobActions(Controller):
    """Cancel or retry all jobs of a filter."""

    path = "/jobs/actions"
    tags = ("jobs",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @post(
        "/preview",
        status_code=200,
        operation_id="previewJobAction",
        summary="See how many jobs an action would act on",
        responses=CREATES,
    )
    async def preview(self, caller: NamedDependency[Caller], data: JSONBody[ActionBody]) -> ActionPreview:
        """`cancel` is for jobs that wait or run, `retry` for those that failed or were cancelled; nothing changes."""
        return await action_preview(caller.read, _request(data))

    @post(status_code=202, operation_id="submitJobAction", summary="Act on many jobs", responses=CREATES)
    async def submit(
        self, caller: NamedDependency[Caller], data: JSONBody[ExpectedActionBody]
    ) -> Response[SubmittedJob]:
        """A job acts on what the preview showed; 409 `drifted` when other jobs match by now.

        `links.result` of the job tells, line by line, what became of each.
        """
        command = SubmitAction(request=_request(data), expect=data.expect)
        job_id = await caller.run(functools.partial(submit_action, find=jobs_to_act_on), command, into=UUID)
        job = await job_status(caller.read, caller.services.job_progress, job_id)
        return Response(SubmittedJob(job), headers={"Location": job.links.self})


def _request(data: ActionBody) -> ActionRequest:
    wanted = JobFilter(**msgspec.structs.asdict(data.filter))
    return ActionRequest(action=data.action, filter=wanted, on_cancel=data.on_cancel)

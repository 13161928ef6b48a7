"""Jobs over HTTP, for admins: watch, cancel, retry and undo bulk work."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, Stream

from adapters.files import FileMissing
from api.caller import Caller
from api.file_answers import DownloadLink, download, link_to
from api.job_events import job_events
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, UPDATES, problems
from api.pagination import Cursor, Limit, page_request
from api.routes.imports import SubmittedJob
from commands.jobs.cancel_job import CancelJob, cancel_job
from commands.jobs.retry_job import RetryJob, retry_job
from commands.jobs.undo_job import UndoJob, undo_job
from domain.jobs import KINDS, STATES, Job, JobFilter
from domain.shared.errors import Fault, Invalid, Malformed, NotFound
from queries._read import DEFAULT_LIMIT, Page
from queries.jobs.job_list import job_list
from queries.jobs.job_rejects import job_rejects
from queries.jobs.job_result import job_result
from queries.jobs.job_status import job_status

State = Annotated[
    str | None,
    QueryParameter(name="state", max_length=64, description="Only these.", schema_extra={"enum": list(STATES)}),
]
Kind = Annotated[
    str | None, QueryParameter(max_length=64, description="Only these.", schema_extra={"enum": list(KINDS)})
]
SubmittedBy = Annotated[UUID | None, QueryParameter(description="Only those of this user.")]
From = Annotated[datetime | None, QueryParameter(description="Only those submitted at this instant or later.")]
Before = Annotated[datetime | None, QueryParameter(description="Only those submitted before this instant.")]
OnCancel = Annotated[
    str,
    QueryParameter(
        max_length=64, description="`keep` what is loaded, or `revert` it.", schema_extra={"enum": ["keep", "revert"]}
    ),
]


class Jobs(Controller):
    """Watch, cancel, retry and undo bulk work."""

    path = "/jobs"
    tags = ("jobs",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(operation_id="listJobs", summary="List jobs, newest first", responses={**ANSWERS_MANY, **problems(422)})
    async def list_jobs(
        self,
        caller: NamedDependency[Caller],
        in_state: State = None,
        kind: Kind = None,
        submitted_by: SubmittedBy = None,
        submitted_from: From = None,
        submitted_before: Before = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Job]:
        """A page of the organisation's jobs; the first page counts them, up to 1,000."""
        _check("state", in_state, STATES)
        _check("kind", kind, KINDS)
        for name, instant in (("submitted_from", submitted_from), ("submitted_before", submitted_before)):
            _check_zone(name, instant)
        wanted = JobFilter(
            state=in_state,
            kind=kind,
            submitted_by=submitted_by,
            submitted_from=submitted_from,
            submitted_before=submitted_before,
        )
        return await job_list(caller.read, page_request(limit, cursor), wanted)

    @get("/{job_id:uuid}", operation_id="getJob", summary="Read a job", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> Job:
        """How far it is, and what became of its rows."""
        return await _job(caller, job_id)

    @get(
        "/{job_id:uuid}/events",
        operation_id="watchJob",
        summary="Watch a job",
        responses={
            **ANSWERS_ONE,
            200: ResponseSpec(str, media_type="text/event-stream", generate_examples=False, description="Its events."),
        },
    )
    async def events(
        self, request: Request[Any, Any, Any], caller: NamedDependency[Caller], job_id: FromPath[UUID]
    ) -> ServerSentEvent:
        """Server-sent events: `job` whenever something changes, `ended` at the end; both carry the whole job."""
        await _job(caller, job_id)

        async def look() -> Job:
            await caller.check_session()
            return await caller.services.looks.look(caller.actor.tenant, job_id, lambda: _job(caller, job_id))

        stream = job_events(
            look,
            caller.services.stopping,
            last_event_id=request.headers.get("last-event-id"),
        )
        return ServerSentEvent(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    @post("/{job_id:uuid}/cancel", status_code=202, operation_id="cancelJob", summary="Cancel a job", responses=UPDATES)
    async def cancel(
        self, caller: NamedDependency[Caller], job_id: FromPath[UUID], on_cancel: OnCancel = "keep"
    ) -> SubmittedJob:
        """It stops within seconds; what is loaded stays, or is taken back by an undo that follows."""
        _check("on_cancel", on_cancel, ("keep", "revert"))
        choice: Literal["keep", "revert"] = "revert" if on_cancel == "revert" else "keep"
        await caller.run(cancel_job, CancelJob(job_id=job_id, on_cancel=choice), into=UUID)
        return SubmittedJob(await _job(caller, job_id))

    @post("/{job_id:uuid}/retry", status_code=202, operation_id="retryJob", summary="Retry a job", responses=UPDATES)
    async def retry(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> SubmittedJob:
        """Take up a failed or cancelled job where it stopped."""
        await caller.run(retry_job, RetryJob(job_id=job_id), into=UUID)
        return SubmittedJob(await _job(caller, job_id))

    @post("/{job_id:uuid}/undo", status_code=202, operation_id="undoJob", summary="Undo a job", responses=UPDATES)
    async def undo(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> Response[SubmittedJob]:
        """Take back what the job did, by a new job of kind `undo`."""
        job = await _job(caller, await caller.run(undo_job, UndoJob(job_id=job_id), into=UUID))
        return Response(SubmittedJob(job), headers={"Location": job.links.self})

    @get(
        "/{job_id:uuid}/rejects",
        operation_id="downloadRejects",
        summary="Download the rejected rows",
        responses={
            **ANSWERS_ONE,
            200: ResponseSpec(str, media_type="text/csv", generate_examples=False, description="The rejected rows."),
        },
    )
    async def rejects(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> Stream:
        """The rejected rows as CSV, with what is wrong with each; correct it and upload it as it is."""
        found = await job_rejects(caller.read, job_id)
        try:
            pieces = await caller.services.files.get(found.key)
        except FileMissing:
            message = "The file with the rejected rows is no longer kept."
            raise NotFound(message) from None
        return download(pieces, found.file_name)

    @get(
        "/{job_id:uuid}/rejects/link",
        operation_id="linkRejects",
        summary="A link to the rejected rows",
        responses=ANSWERS_ONE,
    )
    async def rejects_link(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> DownloadLink:
        """A link for 5 minutes, for a browser to follow."""
        found = await job_rejects(caller.read, job_id)
        return await link_to(caller.services, found.key, found.file_name)

    @get(
        "/{job_id:uuid}/result",
        operation_id="downloadResult",
        summary="Download what the job has made",
        responses={
            **ANSWERS_ONE,
            200: ResponseSpec(str, media_type="text/csv", generate_examples=False, description="The file."),
        },
    )
    async def result(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> Stream:
        """The file that an export or an action has made, as CSV or XLSX; there once the job has succeeded."""
        found = await job_result(caller.read, job_id)
        try:
            pieces = await caller.services.files.get(found.key)
        except FileMissing:
            message = "The file that the job has made is no longer kept."
            raise NotFound(message) from None
        return download(pieces, found.file_name)

    @get(
        "/{job_id:uuid}/result/link",
        operation_id="linkResult",
        summary="A link to what the job has made",
        responses=ANSWERS_ONE,
    )
    async def result_link(self, caller: NamedDependency[Caller], job_id: FromPath[UUID]) -> DownloadLink:
        """A link for 5 minutes, for a browser to follow."""
        found = await job_result(caller.read, job_id)
        return await link_to(caller.services, found.key, found.file_name)


async def _job(caller: Caller, job_id: UUID) -> Job:
    return await job_status(caller.read, caller.services.job_progress, job_id)


def _check(name: str, value: str | None, among: tuple[str, ...]) -> None:
    if value is not None and value not in among:
        message = f"{name} is one of {', '.join(among)}, not {value[:80]!r}."
        raise Invalid(message, faults=[Fault(name, "invalid_value", message)])


def _check_zone(name: str, instant: datetime | None) -> None:
    if instant is not None and instant.tzinfo is None:
        message = f"{name} needs its offset from UTC, as in 2026-03-14T09:30:00Z."
        raise Malformed(message, faults=[Fault(name, "invalid_value", message)])

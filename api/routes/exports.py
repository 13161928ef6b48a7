"""Exports over HTTP, for admins: a list as a file, which a job writes."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.caller import Caller
from api.openapi import CREATES
from api.routes.imports import SubmittedJob
from commands.exports.submit_export import SubmitExport, submit_export
from domain.exports import ExportRequest, Format, ListFilter, ListName
from domain.shared.actor import Role
from queries._matching import on_route, searched
from queries.jobs.job_status import job_status

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ExportFilterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The filters of the list, as its own GET takes them; all that are given hold together."""

    region_id: UUID | None = None
    area_id: UUID | None = None
    territory_id: UUID | None = None
    distributor_id: UUID | None = None
    route: Text | None = None
    sr_id: UUID | None = None
    assigned: bool | None = None
    active: bool | None = None
    role: Role | None = None
    q: Text | None = None


class ExportBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"list_name": "list"}):
    """Which list, which of its rows, and as what kind of file."""

    list_name: Annotated[ListName, msgspec.Meta(examples=["retailers"])]
    filter: Annotated[
        ExportFilterBody, msgspec.Meta(examples=[{"region_id": "0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b", "active": True}])
    ] = ExportFilterBody()
    format: Annotated[Format, msgspec.Meta(examples=["csv"])] = "csv"


class Exports(Controller):
    """Lists as files, which imports take back."""

    path = "/exports"
    tags = ("exports",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @post(status_code=202, operation_id="submitExport", summary="Export a list", responses=CREATES)
    async def submit(self, caller: NamedDependency[Caller], data: JSONBody[ExportBody]) -> Response[SubmittedJob]:
        """A job writes the list, as it is at one moment, into a file: `links.result` of the job that comes back.

        CSV has no limit; XLSX takes 200,000 rows. Importing the file leaves every row as it is.
        """
        wanted = ListFilter(**msgspec.structs.asdict(data.filter))
        searched(wanted.q, "q")
        on_route(wanted.route)
        request = ExportRequest(list_name=data.list_name, filter=wanted, format=data.format)
        job_id = await caller.run(submit_export, SubmitExport(request=request), into=UUID)
        job = await job_status(caller.read, caller.services.job_progress, job_id)
        return Response(SubmittedJob(job), headers={"Location": job.links.self})

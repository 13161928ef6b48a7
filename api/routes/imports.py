"""Imports over HTTP, for admins: upload a file, a job does the rest."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import QueryParameter

from api.caller import Caller
from api.openapi import CREATES
from api.uploads import receive_upload
from commands.imports.submit_import import SubmitImport, submit_import
from domain.jobs import IMPORTED, Job, UnknownImportKind
from domain.shared.errors import Fault, Invalid, Refusal
from domain.shared.ids import new_id
from queries.jobs.job_status import job_status

_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="CSV, gzip, zip with one file, XLSX.")
Kind = Annotated[
    str, QueryParameter(max_length=64, description="What the file holds.", schema_extra={"enum": list(IMPORTED)})
]
Mode = Annotated[
    str,
    QueryParameter(
        max_length=64, description="`dry_run` changes nothing.", schema_extra={"enum": ["apply", "dry_run"]}
    ),
]
Filename = Annotated[str | None, QueryParameter(max_length=1000, description="What you call the file.")]


class SubmittedJob(msgspec.Struct, frozen=True):
    """The job that does the rest."""

    job: Job


@dataclass
class UploadOperation(Operation):
    """The body of an upload, which no Struct describes."""

    def __post_init__(self) -> None:
        """Document both forms of the body."""
        form = Schema(type=OpenAPIType.OBJECT, properties={"file": _FILE}, required=["file"])
        self.request_body = RequestBody(
            required=True,
            content={
                "multipart/form-data": OpenAPIMediaType(schema=form),
                "application/octet-stream": OpenAPIMediaType(schema=_FILE),
            },
        )


class Imports(Controller):
    """Upload a file; a job does the rest."""

    path = "/imports"
    tags = ("imports",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @post(
        status_code=202,
        operation_id="submitImport",
        summary="Import a file",
        responses=CREATES,
        request_max_body_size=None,
        operation_class=UploadOperation,
    )
    async def submit(
        self,
        request: Request[Any, Any, Any],
        caller: NamedDependency[Caller],
        kind: Kind,
        mode: Mode = "apply",
        filename: Filename = None,
    ) -> Response[SubmittedJob]:
        """Send the file as the body or as the form field `file`; watch the job that comes back."""
        del filename  # read where the other names of the file are
        _check(kind, mode)
        services, job_id = caller.services, new_id()
        key = f"imports/{caller.actor.tenant}/{job_id}/upload"
        upload = await receive_upload(request, services.files, key, limit=services.max_upload_bytes)
        command = SubmitImport(
            job_id=job_id,
            kind=kind,
            mode=mode,
            writes_retailers=IMPORTED[kind],
            file_name=upload.file_name,
            upload_key=key,
            size=upload.size,
        )
        try:
            submitted = await caller.run(submit_import, command, into=UUID, digest=upload.digest)
        except Refusal:
            await services.files.delete(key)
            raise
        # Whatever else is raised may come after the commit: then the job needs its file.
        if submitted != job_id:  # the first answer again: this copy belongs to nobody
            await services.files.delete(key)
        job = await job_status(caller.read, services.job_progress, submitted)
        return Response(SubmittedJob(job), headers={"Location": job.links.self})


def _check(kind: str, mode: str) -> None:
    if kind not in IMPORTED:
        message = f"Nothing of kind {kind[:80]!r} can be imported; there are {', '.join(IMPORTED)}."
        raise UnknownImportKind(message, faults=[Fault("kind", "unknown_import_kind", message)])
    if mode not in {"apply", "dry_run"}:
        message = f"The mode is apply or dry_run, not {mode[:80]!r}."
        raise Invalid(message, faults=[Fault("mode", "invalid_value", message)])

"""Files by signed links: whoever has one may fetch the file, for 5 minutes."""

from typing import Any

from litestar import Controller, Request, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream

from adapters.files import FileMissing
from api.file_answers import download
from api.openapi import problems
from api.services import Services
from domain.shared.errors import NotFound


class Downloads(Controller):
    """Files by signed links."""

    path = "/downloads"
    tags = ("jobs",)
    opt = {"public": True}  # noqa: RUF012  Litestar's declaration
    security = ({},)

    @get(
        "/{token:str}",
        operation_id="download",
        summary="Download by a signed link",
        responses={
            **problems(400, 404, 429, 503),
            200: ResponseSpec(str, media_type="text/csv", generate_examples=False, description="The file."),
        },
    )
    async def by_link(self, request: Request[Any, Any, Any], token: FromPath[str]) -> Stream:
        """The file, while the link holds."""
        services: Services = request.app.state.services
        allowed = services.download_links.read(token)
        message = "This link has expired, or never was one. Ask for a new one."
        if allowed is None:
            raise NotFound(message)
        try:
            return download(await services.files.get(allowed.key), allowed.file_name)
        except FileMissing:
            raise NotFound(message) from None

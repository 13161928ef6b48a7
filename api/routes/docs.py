"""The interactive documentation (Swagger UI) and the OpenAPI document; every asset is served from here."""

from importlib import resources
from typing import Any, Final

import msgspec
from litestar import Controller, Request, Response, get
from litestar.params import FromPath

from api.docs_login import check_reader
from api.openapi import document
from domain.shared.errors import NotFound

_ASSETS: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Haat · API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"><link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body><div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/assets/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#docs", deepLinking: true, displayRequestDuration: true, filter: true,
  persistAuthorization: false, tryItOutEnabled: true, validatorUrl: null
});
"""


class Docs(Controller):
    """For people and for tools that read OpenAPI."""

    path = "/"
    include_in_schema = False
    opt = {"public": True}  # noqa: RUF012  Litestar's declaration

    @get("/openapi.json")
    async def openapi(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The OpenAPI 3.1 document of this very process."""
        await check_reader(request)
        return Response(msgspec.json.encode(document(request.app)), media_type="application/json", headers=_PRIVATE)

    @get("/docs")
    async def page(self, request: Request[Any, Any, Any]) -> Response[str]:
        """The page that shows it."""
        await check_reader(request)
        return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY, **_PRIVATE})

    @get("/docs/assets/{name:str}")
    async def asset(self, name: FromPath[str]) -> Response[bytes]:
        """One of the page's files."""
        headers = {"Cache-Control": "public, max-age=86400"}
        if name == "start.js":
            return Response(_START.encode(), media_type="text/javascript", headers=headers)
        if name not in _ASSETS:
            message = "There is no such file."
            raise NotFound(message)
        content = resources.files("swagger_ui").joinpath("static", name).read_bytes()
        return Response(content, media_type=_ASSETS[name], headers=headers)

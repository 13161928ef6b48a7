"""The OpenAPI document: what Litestar derives from the routes, completed with what holds for all of them."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from litestar import Litestar, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from api.errors import PROBLEM_JSON, Problem
from api.openapi_examples import example

Json = dict[str, Any]

_REASONS: Final = {
    400: "The request cannot be read: broken JSON, a bad cursor, a bad header.",
    401: "No valid access token.",
    403: "Not allowed for this role.",
    404: "No such thing, or not for this caller.",
    409: "It contradicts the present state: a taken code, something still in use.",
    412: "It has changed since the version that `If-Match` names.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "It can be read and breaks a rule; `errors` names every fault.",
    429: "Too many requests; `Retry-After` tells when to come back.",
    503: "Something that Haat needs is away; `Retry-After` tells when to come back.",
}

_CODES: Final = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "code_taken",
    412: "version_mismatch",
    413: "too_large",
    415: "unsupported_type",
    422: "invalid_body",
    429: "too_many_requests",
    503: "unavailable",
}

_DESCRIPTION: Final = """
Field sales and commerce: retailers, territories, assignments, imports, and the offline-ready lists of sales
representatives.

Errors are problem documents (RFC 9457) with a stable `code`. Lists are keyset pages: send `next_cursor` back as
`cursor`. Writes take an `Idempotency-Key`; repeating one within 30 days gives the first answer again. Send the
`Haat-Version` of your last answer with the next request and no answer is older than it.

Each user has limits for reads, writes, uploads and refreshes, and who has no token yet is counted by address. Over a
limit the answer is 429 with `RateLimit-Policy` (`"read";q=6000;w=60`: so many requests in so many seconds, at once or
spread), `RateLimit` and `Retry-After`; a refused request uses nothing up. Failed logins are limited too, right ones are
not. Other answers carry no such headers.
"""

_TAGS: Final = {
    "auth": "Log in, stay logged in, log out.",
    "me": "The user who is logged in.",
    "users": "Admins and sales representatives.",
    "regions": "The top of the tree that retailers hang in.",
    "areas": "Parts of a region.",
    "territories": "Parts of an area; retailers belong to one.",
    "distributors": "Who delivers to the retailers.",
    "retailers": "The shops.",
    "assignments": "Who has which retailer: preview, change, history.",
    "imports": "Upload a file; a job does the rest.",
    "exports": "Any filtered list as a file, which a job writes.",
    "jobs": "Watch, cancel, retry and undo bulk work.",
    "sr": "What a sales representative reads and writes, also after hours without a network.",
    "sync_rejects": "What phones have pushed in vain: too late, or with faults.",
    "operations": "Health and metrics.",
}

_IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the request safe to repeat: the same key and body get the first answer again, for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
}
# Logging in is about tokens, and what phones push has ids of its own.
_WITHOUT_KEY: Final = ("/api/v1/auth/", "/api/v1/sr/sync")
_HEADERS: Final[Json] = {
    "X-Request-Id": {
        "description": "Names this request in our logs.",
        "schema": {"type": "string"},
        "example": "0198f3a2-7c1e-7d3a-9b1f-3c5d7e9f1a2b",
    },
    "Haat-Version": {
        "description": "Send it with later requests: none of their answers is older than this one.",
        "schema": {"type": "string"},
        "example": "v1.c2VhbGVk",
    },
}


def problems(*statuses: int) -> Mapping[int, ResponseSpec]:
    """The problem documents that an operation may answer with."""
    return {
        status: ResponseSpec(Problem, description=_REASONS[status], media_type=PROBLEM_JSON, generate_examples=False)
        for status in sorted(statuses)
    }


ANSWERS_MANY = problems(400, 401, 403, 429, 503)
ANSWERS_ONE = problems(400, 401, 403, 404, 429, 503)
CREATES = problems(400, 401, 403, 409, 413, 415, 422, 429, 503)
UPDATES = problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503)
DELETES = problems(400, 401, 403, 404, 409, 412, 422, 429, 503)


def openapi_config() -> OpenAPIConfig:
    """Title, tags and security; the document itself is served by `api/routes/docs.py`."""
    return OpenAPIConfig(
        title="Haat",
        version="1.0.0",
        description=_DESCRIPTION.strip(),
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        use_handler_docstrings=True,
        # Litestar insists on serving the document itself as well; that copy is for admins.
        openapi_router=Router("/docs/schema", route_handlers=[], include_in_schema=False, opt={"role": "admin"}),
        render_plugins=[JsonRenderPlugin()],
    )


@functools.cache
def document(app: Litestar) -> Json:
    """The complete OpenAPI 3.1 document."""
    whole: Json = app.openapi_schema.to_schema()
    whole["components"].setdefault("parameters", {})["IdempotencyKey"] = _IDEMPOTENCY_KEY
    whole["components"]["headers"] = _HEADERS
    for path, method, operation in _operations(whole):
        if method in {"post", "patch", "put", "delete"} and not path.startswith(_WITHOUT_KEY):
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
        for status, answer in operation["responses"].items():
            answer.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
            if status.startswith("2") and path.startswith("/api/v1/") and "/auth/" not in path:
                answer["headers"]["Haat-Version"] = {"$ref": "#/components/headers/Haat-Version"}
            _add_examples(whole, answer.get("content", {}), status=status)
        _add_examples(whole, operation.get("requestBody", {}).get("content", {}))
    return whole


def _operations(whole: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield path, method, operation


def _add_examples(whole: Json, content: Json, *, status: str | None = None) -> None:
    for media_type, media in content.items():
        schema = media.get("schema")
        if not schema or "example" in media or "examples" in media or not media_type.endswith("json"):
            continue
        if media_type == PROBLEM_JSON and status is not None:
            media["example"] = {
                "type": "about:blank",
                "title": _REASONS[int(status)].partition(":")[0].rstrip("."),
                "status": int(status),
                "code": _CODES[int(status)],
                "detail": _REASONS[int(status)],
                "request_id": _HEADERS["X-Request-Id"]["example"],
            }
        else:
            media["example"] = example(schema, whole)

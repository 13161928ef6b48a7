"""An SR's own retailers over HTTP: list, filter, search, read, update."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from litestar import Controller, Request, Response, get, patch
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from api.book_answers import IfNoneMatch, answer, own_book
from api.caller import Caller
from api.haat_version import HaatVersion
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, UPDATES
from api.pagination import Cursor, Limit, page_request
from api.preconditions import IfMatch, etag, expected_version
from commands.retailers.update_own_retailer import UpdateOwnRetailer, update_own_retailer
from domain.books import Book, OwnRetailer
from domain.retailers import OwnRetailerChanges
from domain.shared.errors import NotFound
from queries._read import DEFAULT_LIMIT
from queries.books.own_retailers import OwnFilter, OwnRetailers, own_retailer, own_retailers

Search: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description="A part of the name in any script, the end of the phone number, or the beginning of the uid.",
    ),
]
Route: TypeAlias = Annotated[str | None, QueryParameter(max_length=64, description="Only retailers on this route.")]
InRegion: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only retailers of this region.")]
InArea: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only retailers of this area.")]
InTerritory: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only retailers of this territory.")]
OfDistributor: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only retailers of this distributor.")]

_NOT_MODIFIED = {304: ResponseSpec(None, description="The client's copy is still right.", generate_examples=False)}


class OwnRetailerRoutes(Controller):
    """What an SR sees and changes of the retailers assigned to them."""

    path = "/sr/retailers"
    tags = ("sr",)
    opt = {"role": "sr"}  # noqa: RUF012  Litestar's declaration

    @get(
        operation_id="listOwnRetailers",
        summary="List your retailers by name",
        responses={
            200: ResponseSpec(OwnRetailers, description="A page of them.", generate_examples=False),
            **_NOT_MODIFIED,
            **ANSWERS_MANY,
        },
    )
    async def list_own(
        self,
        request: Request[Any, Any, Any],
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        q: Search = None,
        region_id: InRegion = None,
        area_id: InArea = None,
        territory_id: InTerritory = None,
        distributor_id: OfDistributor = None,
        route: Route = None,
        haat_version: HaatVersion = None,
        if_none_match: IfNoneMatch = None,
    ) -> ASGIResponse:
        """A page of the retailers assigned to you, with what all filters together let through."""
        wanted = OwnFilter(
            region_id=region_id,
            area_id=area_id,
            territory_id=territory_id,
            distributor_id=distributor_id,
            route=route,
            q=q,
        )
        book = await own_book(caller, haat_version)
        body = own_retailers(book, wanted, page_request(limit, cursor))
        return answer(request, caller, book.at, body, if_none_match=if_none_match)

    @get(
        "/{retailer_id:uuid}",
        operation_id="getOwnRetailer",
        summary="Read one of your retailers",
        responses={
            200: ResponseSpec(OwnRetailer, description="The retailer.", generate_examples=False),
            **_NOT_MODIFIED,
            **ANSWERS_ONE,
        },
    )
    async def read(
        self,
        request: Request[Any, Any, Any],
        caller: NamedDependency[Caller],
        retailer_id: FromPath[UUID],
        haat_version: HaatVersion = None,
        if_none_match: IfNoneMatch = None,
    ) -> ASGIResponse:
        """One retailer assigned to you; the `If-Match` of a change is the `version` in the body, quoted."""
        book = await own_book(caller, haat_version)
        return answer(request, caller, book.at, _found(book, retailer_id), if_none_match=if_none_match)

    @patch(
        "/{retailer_id:uuid}",
        operation_id="updateOwnRetailer",
        summary="Change points, routes or notes of one of your retailers",
        responses={
            200: ResponseSpec(OwnRetailer, description="The retailer as it is now.", generate_examples=False),
            **UPDATES,
        },
    )
    async def update(
        self,
        caller: NamedDependency[Caller],
        retailer_id: FromPath[UUID],
        data: JSONBody[OwnRetailerChanges],
        if_match: IfMatch = None,
    ) -> Response[OwnRetailer]:
        """Change what an SR may change; 404 when the retailer is not (any more) yours."""
        command = UpdateOwnRetailer(
            retailer_id=retailer_id,
            expected_version=expected_version(if_match),
            points=data.points,
            routes=data.routes,
            notes=data.notes,
        )
        changed = await caller.run(update_own_retailer, command, into=OwnRetailer)
        return Response(changed, headers={"ETag": etag(changed.version)})


def _found(book: Book, retailer_id: UUID) -> bytes:
    document = own_retailer(book, retailer_id)
    if document is None:
        message = f"There is no retailer {retailer_id} among yours."
        raise NotFound(message)
    return document

"""Delta sync over HTTP: an SR app that was away for an hour or a month catches up in pages."""

from typing import Annotated, Any, Final, TypeAlias

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from api.book_answers import IfNoneMatch, answer, asked_for
from api.caller import Caller
from api.haat_version import HaatVersion
from api.openapi import ANSWERS_MANY
from queries.books.book_sync import BookSync, book_sync

MAX_ENTRIES: Final = 500
DEFAULT_ENTRIES: Final = 200

SyncLimit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=MAX_ENTRIES, description=f"At most so many changes, 1 to {MAX_ENTRIES}.")
]
SyncCursorText: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=2000, description="`cursor` of the answer before; leave out to begin.")
]


class OwnSync(Controller):
    """What has changed in an SR's list since they last asked."""

    path = "/sr/sync"
    tags = ("sr",)
    opt = {"role": "sr"}  # noqa: RUF012  Litestar's declaration

    @get(
        operation_id="syncOwnRetailers",
        summary="Catch up with the changes in your list",
        responses={
            200: ResponseSpec(BookSync, description="A page of changes.", generate_examples=False),
            304: ResponseSpec(None, description="The client's copy is still right.", generate_examples=False),
            **ANSWERS_MANY,
        },
    )
    async def pull(
        self,
        request: Request[Any, Any, Any],
        caller: NamedDependency[Caller],
        cursor: SyncCursorText = None,
        limit: SyncLimit = DEFAULT_ENTRIES,
        haat_version: HaatVersion = None,
        if_none_match: IfNoneMatch = None,
    ) -> ASGIResponse:
        """Changes after the cursor, removals among them. Without a cursor, or with one that no longer fits, a full
        pass: drop what you staged on `start`, stage, and swap when `more` is false.
        """
        body, at = await book_sync(
            caller.read,
            caller.services.books,
            cursor=cursor,
            limit=limit,
            needed=asked_for(caller, haat_version),
        )
        return answer(request, caller, at, body, if_none_match=if_none_match)

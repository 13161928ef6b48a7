"""Sync over HTTP: an SR app that was away for an hour or a month pushes what it did and pulls what it missed."""

from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from litestar.response.base import ASGIResponse
from msgspec import UNSET, UnsetType

from api.book_answers import IfNoneMatch, answer, asked_for, own_book
from api.caller import Caller
from api.haat_version import HaatVersion
from api.openapi import ANSWERS_MANY, problems
from api.pushed_changes import Batch, PushBody
from commands.retailers.push_change import PushChange, push_change
from domain.books import Book, OwnRetailer
from domain.pushed_changes import MAX_CHANGES, ChangeError, Outcome, Status
from domain.shared.errors import Unavailable
from queries.books.book_sync import BookSync, book_sync
from queries.books.own_retailers import own_retailer

MAX_ENTRIES: Final = 500
DEFAULT_ENTRIES: Final = 200

SyncLimit: TypeAlias = Annotated[
    int, QueryParameter(ge=1, le=MAX_ENTRIES, description=f"At most so many changes, 1 to {MAX_ENTRIES}.")
]
SyncCursorText: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=2000, description="`cursor` of the answer before; leave out to begin.")
]


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item.

    `duplicate` stands for `first`, the status when the item came for the first time. `retailer` is how it is now, and
    there whenever it is in the SR's list. `id` is null when the item had none that can be read.
    """

    id: UUID | None
    status: Literal["applied", "duplicate", "conflict", "rejected"]
    first: Status | UnsetType = UNSET
    retailer: OwnRetailer | UnsetType = UNSET
    error: ChangeError | UnsetType = UNSET


class PushResults(msgspec.Struct, frozen=True, kw_only=True):
    """One result for each item, in the order of the items."""

    results: tuple[PushResult, ...]


class OwnSync(Controller):
    """What has changed in an SR's list since they last asked, and what their phone has changed meanwhile."""

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

    @post(
        operation_id="pushOwnChanges",
        summary="Push changes that were made without a network",
        description=(
            f"At most {MAX_CHANGES} items, each decided and stored by itself: a faulty one refuses nothing but itself."
            " A field that somebody else has changed since `base_version` stays as it is, and the item is a"
            " `conflict`; its other fields are set. An item for a retailer that is not yours any more is `rejected`,"
            " and kept for the administrator. An id is remembered for 180 days: the same item again is a `duplicate`,"
            " so a push whose answer was lost is simply repeated. There is no cursor here; go on pulling from yours."
        ),
        status_code=200,
        dto=PushBody,
        responses={
            200: ResponseSpec(PushResults, description="What became of each item.", generate_examples=False),
            **problems(400, 401, 403, 413, 415, 422, 429, 503),
        },
    )
    async def push(
        self, caller: NamedDependency[Caller], request: Request[Any, Any, Any], data: JSONBody[Batch]
    ) -> PushResults:
        """Each item is a transaction of its own; the books are rendered before this answers."""
        outcomes = await caller.run_each(push_change, data.changes)
        book = await _book_after(caller, request.scope["state"]["haat_version"])
        return PushResults(
            results=tuple(_result(item, outcome, book) for item, outcome in zip(data.changes, outcomes, strict=True))
        )


async def _book_after(caller: Caller, haat_version: str) -> Book | None:
    """The caller's book with everything that was pushed; None when it cannot be had now: what is done must be told."""
    try:
        return await own_book(caller, haat_version)
    except Unavailable:
        return None


def _result(item: PushChange, outcome: Outcome, book: Book | None) -> PushResult:
    document = own_retailer(book, item.sent.retailer_id) if book and item.sent.retailer_id else None
    return PushResult(
        id=item.sent.id,
        status="duplicate" if outcome.duplicate else outcome.status,
        first=outcome.status if outcome.duplicate else UNSET,
        retailer=UNSET if document is None else msgspec.json.decode(document, type=OwnRetailer),
        error=outcome.error or UNSET,
    )

"""Retailers over HTTP, for admins."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.caller import Caller
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, CREATES, DELETES, UPDATES, problems
from api.pagination import Cursor, Limit, page_request
from api.preconditions import IfMatch, etag, expected_version
from commands.retailers.create_retailer import CreateRetailer, create_retailer
from commands.retailers.delete_retailer import DeleteRetailer, delete_retailer
from commands.retailers.restore_retailer import RestoreRetailer, restore_retailer
from commands.retailers.update_retailer import UpdateRetailer, update_retailer
from domain.retailers import (
    Latitude,
    Longitude,
    Notes,
    Phone,
    Points,
    RetailerDetails,
    RetailerFilter,
    Routes,
    Uid,
)
from domain.shared.named import Name
from queries._read import DEFAULT_LIMIT, Page
from queries.retailers.assignment_history import Held, assignment_history
from queries.retailers.retailer_list import retailer, retailer_list


class NewRetailer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A retailer to create; its territory, and its distributor if there is one, must exist."""

    uid: Uid
    name: Name
    phone: Phone
    territory_id: UUID
    distributor_id: UUID | None = None
    routes: Routes = ()
    points: Points = 0
    notes: Notes | None = None
    lat: Latitude | None = None
    lng: Longitude | None = None
    active: bool = True


class RetailerChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay. Null clears the distributor, the notes, and `lat` with `lng`."""

    uid: Uid | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    territory_id: UUID | UnsetType = UNSET
    distributor_id: UUID | UnsetType | None = UNSET
    routes: Routes | UnsetType = UNSET
    points: Points | UnsetType = UNSET
    notes: Notes | UnsetType | None = UNSET
    lat: Latitude | UnsetType | None = UNSET
    lng: Longitude | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


def _only(description: str, **limits: Any) -> Any:  # noqa: ANN401  Litestar's own keyword arguments and result
    return QueryParameter(description=description, **limits)


class Retailers(Controller):
    """The small shops everything here is about."""

    path = "/retailers"
    tags = ("retailers",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(
        operation_id="listRetailers",
        summary="List, filter and search retailers",
        responses=ANSWERS_MANY,
    )
    async def list_retailers(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        region_id: Annotated[UUID | None, _only("Only those in this region.")] = None,
        area_id: Annotated[UUID | None, _only("Only those in this area.")] = None,
        territory_id: Annotated[UUID | None, _only("Only those in this territory.")] = None,
        distributor_id: Annotated[UUID | None, _only("Only those that this distributor supplies.")] = None,
        route: Annotated[str | None, _only("Only those on this route.", max_length=200)] = None,
        sr_id: Annotated[UUID | None, _only("Only those whom this SR has.")] = None,
        assigned: Annotated[bool | None, _only("Only those that some SR has, or that none has.")] = None,
        active: Annotated[bool | None, _only("Only active ones, or only others.")] = None,
        q: Annotated[
            str | None,
            _only(
                "A part of the name in any script and case, the last three or more digits of the phone number,"
                " or the beginning of the uid (as written, or in capitals or small letters throughout).",
                max_length=200,
            ),
        ] = None,
    ) -> Page[RetailerDetails]:
        """A page of retailers by name; filters hold together, unknown ids find nothing.

        The first page counts: exactly up to 1,000, beyond as `at_least`.
        """
        wanted = RetailerFilter(
            region_id=region_id,
            area_id=area_id,
            territory_id=territory_id,
            distributor_id=distributor_id,
            route=route,
            sr_id=sr_id,
            assigned=assigned,
            active=active,
            q=q,
        )
        return await retailer_list(caller.read, page_request(limit, cursor), wanted)

    @post(operation_id="createRetailer", summary="Create a retailer", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewRetailer]) -> Response[RetailerDetails]:
        """Create a retailer; its uid must be new, also among deleted ones."""
        command = CreateRetailer(**msgspec.structs.asdict(data))
        made = await caller.run(create_retailer, command, into=RetailerDetails)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/retailers/{made.id}"})

    @get("/{retailer_id:uuid}", operation_id="getRetailer", summary="Read a retailer", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], retailer_id: FromPath[UUID]) -> Response[RetailerDetails]:
        """One retailer, unless it is deleted."""
        found = await retailer(caller.read, retailer_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch("/{retailer_id:uuid}", operation_id="updateRetailer", summary="Change a retailer", responses=UPDATES)
    async def update(
        self,
        caller: NamedDependency[Caller],
        retailer_id: FromPath[UUID],
        data: JSONBody[RetailerChanges],
        if_match: IfMatch = None,
    ) -> Response[RetailerDetails]:
        """Change what is given and nothing else; the SR who has the retailer sees it."""
        command = UpdateRetailer(
            retailer_id=retailer_id, expected_version=expected_version(if_match), **msgspec.structs.asdict(data)
        )
        updated = await caller.run(update_retailer, command, into=RetailerDetails)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete("/{retailer_id:uuid}", operation_id="deleteRetailer", summary="Delete a retailer", responses=DELETES)
    async def remove(
        self, caller: NamedDependency[Caller], retailer_id: FromPath[UUID], if_match: IfMatch = None
    ) -> None:
        """Take a retailer out of every list and away from its SR; it can be restored."""
        command = DeleteRetailer(retailer_id=retailer_id, expected_version=expected_version(if_match))
        await caller.run(delete_retailer, command, into=type(None))

    @post(
        "/{retailer_id:uuid}/restore",
        operation_id="restoreRetailer",
        summary="Restore a deleted retailer",
        status_code=200,
        responses={**ANSWERS_ONE, **problems(422)},
    )
    async def restore(self, caller: NamedDependency[Caller], retailer_id: FromPath[UUID]) -> Response[RetailerDetails]:
        """Bring a deleted retailer back, as it was but held by nobody; one that is not deleted stays as it is."""
        restored = await caller.run(restore_retailer, RestoreRetailer(retailer_id=retailer_id), into=RetailerDetails)
        return Response(restored, headers={"ETag": etag(restored.version)})

    @get(
        "/{retailer_id:uuid}/assignments",
        operation_id="listRetailerAssignments",
        summary="Tell who had a retailer when",
        responses=ANSWERS_ONE,
    )
    async def assignments(
        self,
        caller: NamedDependency[Caller],
        retailer_id: FromPath[UUID],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        on: Annotated[
            date | None, _only("Only who had it at some time of this day, in the organisation's zone.")
        ] = None,
    ) -> Page[Held]:
        """The SRs who have or had the retailer, latest first; deleted retailers keep their history."""
        return await assignment_history(caller.read, page_request(limit, cursor), retailer_id, on=on)

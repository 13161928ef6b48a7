"""Regions over HTTP, for admins."""

from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from api.caller import Caller
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, CREATES, DELETES, UPDATES
from api.pagination import Cursor, Limit, Search, page_request
from api.preconditions import IfMatch, etag, expected_version
from commands.regions.create_region import CreateRegion, create_region
from commands.regions.delete_region import DeleteRegion, delete_region
from commands.regions.update_region import UpdateRegion, update_region
from domain.regions import Region
from domain.shared.named import Code, Name
from queries._read import DEFAULT_LIMIT, Page
from queries.regions.region_list import region, region_list


class NewRegion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region to create."""

    code: Code
    name: Name


class RegionChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay."""

    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Regions(Controller):
    """The top of the tree that retailers hang in."""

    path = "/regions"
    tags = ("regions",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(operation_id="listRegions", summary="List regions by name", responses=ANSWERS_MANY)
    async def list_regions(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        q: Search = None,
    ) -> Page[Region]:
        """A page of the organisation's regions, ordered by name."""
        return await region_list(caller.read, page_request(limit, cursor), q=q)

    @post(operation_id="createRegion", summary="Create a region", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewRegion]) -> Response[Region]:
        """Create a region; its code must be new."""
        made = await caller.run(create_region, CreateRegion(code=data.code, name=data.name), into=Region)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/regions/{made.id}"})

    @get("/{region_id:uuid}", operation_id="getRegion", summary="Read a region", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], region_id: FromPath[UUID]) -> Response[Region]:
        """One region."""
        found = await region(caller.read, region_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch("/{region_id:uuid}", operation_id="updateRegion", summary="Change a region", responses=UPDATES)
    async def update(
        self,
        caller: NamedDependency[Caller],
        region_id: FromPath[UUID],
        data: JSONBody[RegionChanges],
        if_match: IfMatch = None,
    ) -> Response[Region]:
        """Give a region another code or name; SRs see the new name in their lists."""
        command = UpdateRegion(
            region_id=region_id, expected_version=expected_version(if_match), code=data.code, name=data.name
        )
        updated = await caller.run(update_region, command, into=Region)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete("/{region_id:uuid}", operation_id="deleteRegion", summary="Delete a region", responses=DELETES)
    async def remove(
        self, caller: NamedDependency[Caller], region_id: FromPath[UUID], if_match: IfMatch = None
    ) -> None:
        """Delete a region that no area belongs to; 409 `in_use` otherwise."""
        command = DeleteRegion(region_id=region_id, expected_version=expected_version(if_match))
        await caller.run(delete_region, command, into=type(None))

"""Areas over HTTP, for admins."""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api.caller import Caller
from api.openapi import ANSWERS_MANY, ANSWERS_ONE, CREATES, DELETES, UPDATES
from api.pagination import Cursor, Limit, Search, page_request
from api.preconditions import IfMatch, etag, expected_version
from commands.areas.create_area import CreateArea, create_area
from commands.areas.delete_area import DeleteArea, delete_area
from commands.areas.update_area import UpdateArea, update_area
from domain.areas import Area
from domain.shared.named import Code, Name
from queries._read import DEFAULT_LIMIT, Page
from queries.areas.area_list import area, area_list

OfRegion: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only areas of this region.")]


class NewArea(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area to create; its region must exist."""

    region_id: UUID
    code: Code
    name: Name


class AreaChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay."""

    region_id: UUID | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Areas(Controller):
    """Parts of a region."""

    path = "/areas"
    tags = ("areas",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(operation_id="listAreas", summary="List areas by name", responses=ANSWERS_MANY)
    async def list_areas(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        region_id: OfRegion = None,
        q: Search = None,
    ) -> Page[Area]:
        """A page of the organisation's areas, ordered by name."""
        return await area_list(caller.read, page_request(limit, cursor), region_id=region_id, q=q)

    @post(operation_id="createArea", summary="Create an area", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewArea]) -> Response[Area]:
        """Create an area in a region; its code must be new."""
        command = CreateArea(region_id=data.region_id, code=data.code, name=data.name)
        made = await caller.run(create_area, command, into=Area)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/areas/{made.id}"})

    @get("/{area_id:uuid}", operation_id="getArea", summary="Read an area", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], area_id: FromPath[UUID]) -> Response[Area]:
        """One area."""
        found = await area(caller.read, area_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch("/{area_id:uuid}", operation_id="updateArea", summary="Change an area", responses=UPDATES)
    async def update(
        self,
        caller: NamedDependency[Caller],
        area_id: FromPath[UUID],
        data: JSONBody[AreaChanges],
        if_match: IfMatch = None,
    ) -> Response[Area]:
        """Give an area another code or name, or move it to another region; SRs see it in their lists."""
        command = UpdateArea(
            area_id=area_id,
            expected_version=expected_version(if_match),
            region_id=data.region_id,
            code=data.code,
            name=data.name,
        )
        updated = await caller.run(update_area, command, into=Area)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete("/{area_id:uuid}", operation_id="deleteArea", summary="Delete an area", responses=DELETES)
    async def remove(self, caller: NamedDependency[Caller], area_id: FromPath[UUID], if_match: IfMatch = None) -> None:
        """Delete an area that nothing refers to; 409 `in_use` otherwise."""
        command = DeleteArea(area_id=area_id, expected_version=expected_version(if_match))
        await caller.run(delete_area, command, into=type(None))

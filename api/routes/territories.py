"""Territories over HTTP, for admins."""

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
from commands.territories.create_territory import CreateTerritory, create_territory
from commands.territories.delete_territory import DeleteTerritory, delete_territory
from commands.territories.update_territory import UpdateTerritory, update_territory
from domain.shared.named import Code, Name
from domain.territories import Territory
from queries._read import DEFAULT_LIMIT, Page
from queries.territories.territory_list import territory, territory_list

OfArea: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only territories of this area.")]
OfRegion: TypeAlias = Annotated[UUID | None, QueryParameter(description="Only territories of this region.")]


class NewTerritory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A territory to create; its area must exist."""

    area_id: UUID
    code: Code
    name: Name


class TerritoryChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay."""

    area_id: UUID | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Territories(Controller):
    """Parts of an area; every retailer belongs to one."""

    path = "/territories"
    tags = ("territories",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(operation_id="listTerritories", summary="List territories by name", responses=ANSWERS_MANY)
    async def list_territories(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        area_id: OfArea = None,
        region_id: OfRegion = None,
        q: Search = None,
    ) -> Page[Territory]:
        """A page of the organisation's territories, ordered by name."""
        return await territory_list(caller.read, page_request(limit, cursor), area_id=area_id, region_id=region_id, q=q)

    @post(operation_id="createTerritory", summary="Create a territory", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewTerritory]) -> Response[Territory]:
        """Create a territory in an area; its code must be new."""
        command = CreateTerritory(area_id=data.area_id, code=data.code, name=data.name)
        made = await caller.run(create_territory, command, into=Territory)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/territories/{made.id}"})

    @get("/{territory_id:uuid}", operation_id="getTerritory", summary="Read a territory", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], territory_id: FromPath[UUID]) -> Response[Territory]:
        """One territory."""
        found = await territory(caller.read, territory_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch("/{territory_id:uuid}", operation_id="updateTerritory", summary="Change a territory", responses=UPDATES)
    async def update(
        self,
        caller: NamedDependency[Caller],
        territory_id: FromPath[UUID],
        data: JSONBody[TerritoryChanges],
        if_match: IfMatch = None,
    ) -> Response[Territory]:
        """Give a territory another code or name, or move it to another area; SRs see it in their lists."""
        command = UpdateTerritory(
            territory_id=territory_id,
            expected_version=expected_version(if_match),
            area_id=data.area_id,
            code=data.code,
            name=data.name,
        )
        updated = await caller.run(update_territory, command, into=Territory)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete("/{territory_id:uuid}", operation_id="deleteTerritory", summary="Delete a territory", responses=DELETES)
    async def remove(
        self, caller: NamedDependency[Caller], territory_id: FromPath[UUID], if_match: IfMatch = None
    ) -> None:
        """Delete a territory that nothing refers to; 409 `in_use` otherwise."""
        command = DeleteTerritory(territory_id=territory_id, expected_version=expected_version(if_match))
        await caller.run(delete_territory, command, into=type(None))

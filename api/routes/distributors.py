"""Distributors over HTTP, for admins."""

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
from commands.distributors.create_distributor import CreateDistributor, create_distributor
from commands.distributors.delete_distributor import DeleteDistributor, delete_distributor
from commands.distributors.update_distributor import UpdateDistributor, update_distributor
from domain.distributors import Distributor
from domain.shared.named import Code, Name
from queries._read import DEFAULT_LIMIT, Page
from queries.distributors.distributor_list import distributor, distributor_list


class NewDistributor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distributor to create."""

    code: Code
    name: Name


class DistributorChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; leave out what should stay."""

    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class Distributors(Controller):
    """Who delivers to the retailers."""

    path = "/distributors"
    tags = ("distributors",)
    opt = {"role": "admin"}  # noqa: RUF012  Litestar's declaration

    @get(operation_id="listDistributors", summary="List distributors by name", responses=ANSWERS_MANY)
    async def list_distributors(
        self,
        caller: NamedDependency[Caller],
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
        q: Search = None,
    ) -> Page[Distributor]:
        """A page of the organisation's distributors, ordered by name."""
        return await distributor_list(caller.read, page_request(limit, cursor), q=q)

    @post(operation_id="createDistributor", summary="Create a distributor", responses=CREATES)
    async def create(self, caller: NamedDependency[Caller], data: JSONBody[NewDistributor]) -> Response[Distributor]:
        """Create a distributor; its code must be new."""
        command = CreateDistributor(code=data.code, name=data.name)
        made = await caller.run(create_distributor, command, into=Distributor)
        return Response(made, headers={"ETag": etag(made.version), "Location": f"/api/v1/distributors/{made.id}"})

    @get("/{distributor_id:uuid}", operation_id="getDistributor", summary="Read a distributor", responses=ANSWERS_ONE)
    async def read(self, caller: NamedDependency[Caller], distributor_id: FromPath[UUID]) -> Response[Distributor]:
        """One distributor."""
        found = await distributor(caller.read, distributor_id)
        return Response(found, headers={"ETag": etag(found.version)})

    @patch(
        "/{distributor_id:uuid}", operation_id="updateDistributor", summary="Change a distributor", responses=UPDATES
    )
    async def update(
        self,
        caller: NamedDependency[Caller],
        distributor_id: FromPath[UUID],
        data: JSONBody[DistributorChanges],
        if_match: IfMatch = None,
    ) -> Response[Distributor]:
        """Give a distributor another code or name; SRs see it in their lists."""
        command = UpdateDistributor(
            distributor_id=distributor_id,
            expected_version=expected_version(if_match),
            code=data.code,
            name=data.name,
        )
        updated = await caller.run(update_distributor, command, into=Distributor)
        return Response(updated, headers={"ETag": etag(updated.version)})

    @delete(
        "/{distributor_id:uuid}", operation_id="deleteDistributor", summary="Delete a distributor", responses=DELETES
    )
    async def remove(
        self, caller: NamedDependency[Caller], distributor_id: FromPath[UUID], if_match: IfMatch = None
    ) -> None:
        """Delete a distributor that nothing refers to; 409 `in_use` otherwise."""
        command = DeleteDistributor(distributor_id=distributor_id, expected_version=expected_version(if_match))
        await caller.run(delete_distributor, command, into=type(None))

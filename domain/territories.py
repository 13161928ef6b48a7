"""Territories: parts of an area; every retailer belongs to one."""

from uuid import UUID

from domain.shared.events import Event
from domain.shared.named import Named


class Territory(Named, frozen=True, kw_only=True):
    """A territory of one area."""

    area_id: UUID


class TerritoryCreated(Event, frozen=True, kw_only=True, tag="territories.territory_created.v1"):
    """A territory is there."""

    territory_id: UUID


class TerritoryUpdated(Event, frozen=True, kw_only=True, tag="territories.territory_updated.v1"):
    """A territory has another name or code, or belongs to another area."""

    territory_id: UUID


class TerritoryDeleted(Event, frozen=True, kw_only=True, tag="territories.territory_deleted.v1"):
    """A territory that no retailer belonged to is gone."""

    territory_id: UUID

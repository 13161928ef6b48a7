"""Regions: the top of the tree that retailers hang in."""

from uuid import UUID

from domain.shared.events import Event
from domain.shared.named import Named


class Region(Named, frozen=True, kw_only=True):
    """A region."""


class RegionCreated(Event, frozen=True, kw_only=True, tag="regions.region_created.v1"):
    """A region is there."""

    region_id: UUID


class RegionUpdated(Event, frozen=True, kw_only=True, tag="regions.region_updated.v1"):
    """A region has another name or code."""

    region_id: UUID


class RegionDeleted(Event, frozen=True, kw_only=True, tag="regions.region_deleted.v1"):
    """A region that nothing was in is gone."""

    region_id: UUID

"""Areas: parts of a region."""

from uuid import UUID

from domain.shared.events import Event
from domain.shared.named import Named


class Area(Named, frozen=True, kw_only=True):
    """An area of one region."""

    region_id: UUID


class AreaCreated(Event, frozen=True, kw_only=True, tag="areas.area_created.v1"):
    """An area is there."""

    area_id: UUID


class AreaUpdated(Event, frozen=True, kw_only=True, tag="areas.area_updated.v1"):
    """An area has another name or code, or belongs to another region."""

    area_id: UUID


class AreaDeleted(Event, frozen=True, kw_only=True, tag="areas.area_deleted.v1"):
    """An area that nothing was in is gone."""

    area_id: UUID

"""What a bulk import announces: each chunk that changed anything."""

from uuid import UUID

from domain.shared.events import Event


class RetailersImported(Event, frozen=True, kw_only=True, tag="retailers.retailers_imported.v1"):
    """A chunk of a file has created or changed retailers; what job and chunk keep for undoing says which."""

    job_id: UUID
    chunk: int


class TerritoriesImported(Event, frozen=True, kw_only=True, tag="territories.territories_imported.v1"):
    """A chunk of a file has created or changed regions, areas or territories."""

    job_id: UUID
    chunk: int

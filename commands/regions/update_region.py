"""Give a region another code or name."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import regions as region_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.regions import Region, RegionUpdated
from domain.shared.changes import changed
from domain.shared.events import Touches
from domain.shared.named import well_formed


class UpdateRegion(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are."""

    region_id: UUID
    expected_version: int | None = None
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


async def update_region(command: UpdateRegion, tx: Tx) -> Region:
    """Raises NotFound, PreconditionFailed, Invalid, CodeTaken."""
    region = await region_store.lock(tx, command.region_id, expected_version=command.expected_version)
    wanted = well_formed(changed(region, code=command.code, name=command.name))
    if wanted == region:
        return region
    updated = await region_store.update(tx, wanted)
    tx.emit(RegionUpdated(region_id=region.id), touches=Touches(region_ids=(region.id,)))
    return updated

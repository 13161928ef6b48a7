"""Give a territory another code or name, or move it to another area."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import territories as territory_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.shared.changes import changed
from domain.shared.events import Touches
from domain.shared.named import well_formed
from domain.territories import Territory, TerritoryUpdated


class UpdateTerritory(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are."""

    territory_id: UUID
    expected_version: int | None = None
    area_id: UUID | UnsetType = UNSET
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


async def update_territory(command: UpdateTerritory, tx: Tx) -> Territory:
    """Raises NotFound, PreconditionFailed, Invalid, CodeTaken."""
    territory = await territory_store.lock(tx, command.territory_id, expected_version=command.expected_version)
    wanted = well_formed(changed(territory, area_id=command.area_id, code=command.code, name=command.name))
    if wanted == territory:
        return territory
    updated = await territory_store.update(tx, wanted)
    tx.emit(TerritoryUpdated(territory_id=territory.id), touches=Touches(territory_ids=(territory.id,)))
    return updated

"""Create a territory in an area."""

from uuid import UUID

from adapters.postgres.stores import territories as territory_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.shared.named import well_formed
from domain.territories import Territory, TerritoryCreated


class CreateTerritory(Command, frozen=True, kw_only=True):
    """`code` is unique in the organisation."""

    area_id: UUID
    code: str
    name: str


async def create_territory(command: CreateTerritory, tx: Tx) -> Territory:
    """Raises Invalid, CodeTaken."""
    wanted = well_formed(Territory(id=tx.new_id(), area_id=command.area_id, code=command.code, name=command.name))
    territory = await territory_store.insert(tx, wanted)
    tx.emit(TerritoryCreated(territory_id=territory.id))
    return territory

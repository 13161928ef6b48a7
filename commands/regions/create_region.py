"""Create a region."""

from adapters.postgres.stores import regions as region_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.regions import Region, RegionCreated
from domain.shared.named import well_formed


class CreateRegion(Command, frozen=True, kw_only=True):
    """`code` is unique in the organisation."""

    code: str
    name: str


async def create_region(command: CreateRegion, tx: Tx) -> Region:
    """Raises Invalid, CodeTaken."""
    wanted = well_formed(Region(id=tx.new_id(), code=command.code, name=command.name))
    region = await region_store.insert(tx, wanted)
    tx.emit(RegionCreated(region_id=region.id))
    return region

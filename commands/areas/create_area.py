"""Create an area in a region."""

from uuid import UUID

from adapters.postgres.stores import areas as area_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.areas import Area, AreaCreated
from domain.shared.named import well_formed


class CreateArea(Command, frozen=True, kw_only=True):
    """`code` is unique in the organisation."""

    region_id: UUID
    code: str
    name: str


async def create_area(command: CreateArea, tx: Tx) -> Area:
    """Raises Invalid, CodeTaken."""
    wanted = well_formed(Area(id=tx.new_id(), region_id=command.region_id, code=command.code, name=command.name))
    area = await area_store.insert(tx, wanted)
    tx.emit(AreaCreated(area_id=area.id))
    return area

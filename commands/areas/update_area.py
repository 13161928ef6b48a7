"""Give an area another code or name, or move it to another region."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import areas as area_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.areas import Area, AreaUpdated
from domain.shared.changes import changed
from domain.shared.events import Touches
from domain.shared.named import well_formed


class UpdateArea(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are."""

    area_id: UUID
    expected_version: int | None = None
    region_id: UUID | UnsetType = UNSET
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


async def update_area(command: UpdateArea, tx: Tx) -> Area:
    """Raises NotFound, PreconditionFailed, Invalid, CodeTaken."""
    area = await area_store.lock(tx, command.area_id, expected_version=command.expected_version)
    wanted = well_formed(changed(area, region_id=command.region_id, code=command.code, name=command.name))
    if wanted == area:
        return area
    updated = await area_store.update(tx, wanted)
    tx.emit(AreaUpdated(area_id=area.id), touches=Touches(area_ids=(area.id,)))
    return updated

"""Delete an area that nothing is in."""

from uuid import UUID

from adapters.postgres.stores import areas as area_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.areas import AreaDeleted


class DeleteArea(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    area_id: UUID
    expected_version: int | None = None


async def delete_area(command: DeleteArea, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed, InUse."""
    await area_store.lock(tx, command.area_id, expected_version=command.expected_version)
    await area_store.delete(tx, command.area_id)
    tx.emit(AreaDeleted(area_id=command.area_id))

"""Delete a region that nothing is in."""

from uuid import UUID

from adapters.postgres.stores import regions as region_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.regions import RegionDeleted


class DeleteRegion(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    region_id: UUID
    expected_version: int | None = None


async def delete_region(command: DeleteRegion, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed, InUse."""
    await region_store.lock(tx, command.region_id, expected_version=command.expected_version)
    await region_store.delete(tx, command.region_id)
    tx.emit(RegionDeleted(region_id=command.region_id))

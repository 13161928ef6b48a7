"""Delete a territory that no retailer belongs to."""

from uuid import UUID

from adapters.postgres.stores import territories as territory_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.territories import TerritoryDeleted


class DeleteTerritory(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    territory_id: UUID
    expected_version: int | None = None


async def delete_territory(command: DeleteTerritory, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed, InUse."""
    await territory_store.lock(tx, command.territory_id, expected_version=command.expected_version)
    await territory_store.delete(tx, command.territory_id)
    tx.emit(TerritoryDeleted(territory_id=command.territory_id))

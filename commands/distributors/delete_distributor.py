"""Delete a distributor that no retailer is supplied by."""

from uuid import UUID

from adapters.postgres.stores import distributors as distributor_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.distributors import DistributorDeleted


class DeleteDistributor(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    distributor_id: UUID
    expected_version: int | None = None


async def delete_distributor(command: DeleteDistributor, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed, InUse."""
    await distributor_store.lock(tx, command.distributor_id, expected_version=command.expected_version)
    await distributor_store.delete(tx, command.distributor_id)
    tx.emit(DistributorDeleted(distributor_id=command.distributor_id))

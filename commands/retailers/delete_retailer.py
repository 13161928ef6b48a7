"""Delete a retailer: it leaves all lists and its SR, and can be restored."""

from uuid import UUID

from adapters.postgres.stores import assignments as assignment_store
from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command, Restart
from domain.assignments import AssignmentEnded
from domain.retailers import RetailerDeleted
from domain.shared.events import Touches


class DeleteRetailer(Command, frozen=True, kw_only=True):
    """`expected_version` None: whatever its version is."""

    retailer_id: UUID
    expected_version: int | None = None


async def delete_retailer(command: DeleteRetailer, tx: Tx) -> None:
    """Raises NotFound, PreconditionFailed."""
    held = await assignment_store.lock_open(tx, command.retailer_id)
    await retailer_store.lock(tx, command.retailer_id, expected_version=command.expected_version)
    if await assignment_store.get_open(tx, command.retailer_id) != held:
        raise Restart
    if held is not None:
        await assignment_store.close(tx, held.id)
        tx.emit(AssignmentEnded(assignment_id=held.id, retailer_id=held.retailer_id, sr_id=held.sr_id))
    await retailer_store.mark_deleted(tx, command.retailer_id)
    holders = () if held is None else (held.sr_id,)
    tx.emit(
        RetailerDeleted(retailer_id=command.retailer_id),
        touches=Touches(retailer_ids=(command.retailer_id,), sr_ids=holders),
    )

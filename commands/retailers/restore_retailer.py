"""Bring a deleted retailer back, as it was but held by nobody."""

from uuid import UUID

from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.retailers import RetailerDetails, RetailerRestored
from domain.shared.events import Touches


class RestoreRetailer(Command, frozen=True, kw_only=True):
    """One that is not deleted stays as it is."""

    retailer_id: UUID


async def restore_retailer(command: RestoreRetailer, tx: Tx) -> RetailerDetails:
    """Raises NotFound."""
    if await retailer_store.lock_deleted(tx, command.retailer_id):
        await retailer_store.mark_restored(tx, command.retailer_id)
        tx.emit(RetailerRestored(retailer_id=command.retailer_id), touches=Touches(retailer_ids=(command.retailer_id,)))
    return await retailer_store.get_details(tx, command.retailer_id)

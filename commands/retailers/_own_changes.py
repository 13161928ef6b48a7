"""What every change by an SR has in common, whether it comes at once or after hours without a network."""

from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from domain.retailers import Retailer, RetailerUpdated
from domain.shared.events import Touches


async def store_own_change(tx: Tx, before: Retailer, wanted: Retailer) -> None:
    """Store and announce what the actor has changed of a retailer that they have locked; nothing when nothing has."""
    if wanted == before:
        return
    await retailer_store.update(tx, before, wanted)
    tx.emit(RetailerUpdated(retailer_id=before.id), touches=Touches(retailer_ids=(before.id,), sr_ids=(tx.actor.user,)))

"""Try dead letters again: deliveries that a subscriber failed to take too often."""

from uuid import UUID

from adapters.postgres.stores import deliveries as delivery_store
from adapters.postgres.transaction import Tx
from commands._run import Command


class ResendDeliveries(Command, frozen=True, kw_only=True):
    """`event_id` None: all dead letters of the organisation."""

    event_id: UUID | None = None


async def resend_deliveries(command: ResendDeliveries, tx: Tx) -> int:
    """How many are due again; the sweeper sends them within seconds."""
    return await delivery_store.resend(tx, command.event_id)

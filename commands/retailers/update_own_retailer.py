"""An SR changes what they may of a retailer they have."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import assignments as assignment_store
from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.retailers import Retailer, RetailerUpdated, well_formed
from domain.shared.changes import changed
from domain.shared.errors import NotFound
from domain.shared.events import Touches


class UpdateOwnRetailer(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are; None clears the notes."""

    retailer_id: UUID
    expected_version: int | None = None
    points: int | UnsetType = UNSET
    routes: tuple[str, ...] | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET


async def update_own_retailer(command: UpdateOwnRetailer, tx: Tx) -> Retailer:
    """Raises NotFound when it is not theirs (any more), PreconditionFailed, Invalid."""
    # First of all: if this waits for a reassignment to commit, the row tells that it is over; policies would not.
    if await assignment_store.lock_own(tx, command.retailer_id) is None:
        message = f"There is no retailer {command.retailer_id} among yours."
        raise NotFound(message)
    retailer = await retailer_store.lock(tx, command.retailer_id, expected_version=command.expected_version)
    given = changed(retailer, points=command.points, routes=command.routes, notes=command.notes)
    wanted = well_formed(given, country="", before=retailer)
    if wanted == retailer:
        return retailer
    updated = await retailer_store.update(tx, retailer, wanted)
    tx.emit(
        RetailerUpdated(retailer_id=retailer.id),
        touches=Touches(retailer_ids=(retailer.id,), sr_ids=(tx.actor.user,)),
    )
    return updated

"""An SR changes what they may of a retailer they have."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import assignments as assignment_store
from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from commands.retailers._own_changes import store_own_change
from domain.books import OwnRetailer, as_sent
from domain.retailers import OwnRetailerChanges, with_own_changes
from domain.shared.errors import NotFound


class UpdateOwnRetailer(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are; None clears the notes."""

    retailer_id: UUID
    expected_version: int | None = None
    points: int | UnsetType = UNSET
    routes: tuple[str, ...] | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET


async def update_own_retailer(command: UpdateOwnRetailer, tx: Tx) -> OwnRetailer:
    """The retailer as this leaves it. Raises NotFound when it is not theirs (any more), PreconditionFailed, Invalid."""
    # First of all: if this waits for a reassignment to commit, the row tells that it is over; policies would not.
    if await assignment_store.lock_own(tx, command.retailer_id) is None:
        message = f"There is no retailer {command.retailer_id} among yours."
        raise NotFound(message)
    retailer = await retailer_store.lock(tx, command.retailer_id, expected_version=command.expected_version)
    changes = OwnRetailerChanges(points=command.points, routes=command.routes, notes=command.notes)
    await store_own_change(tx, retailer, with_own_changes(retailer, changes))
    # Read here, since it may be somebody else's as soon as this commits.
    return as_sent(await retailer_store.get_details(tx, retailer.id))

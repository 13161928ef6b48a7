"""Change what an organisation knows of a retailer."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.retailers import RetailerDetails, RetailerUpdated, well_formed
from domain.shared.changes import changed
from domain.shared.events import Touches


class UpdateRetailer(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are; None clears."""

    retailer_id: UUID
    expected_version: int | None = None
    uid: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    territory_id: UUID | UnsetType = UNSET
    distributor_id: UUID | UnsetType | None = UNSET
    routes: tuple[str, ...] | UnsetType = UNSET
    points: int | UnsetType = UNSET
    notes: str | UnsetType | None = UNSET
    lat: float | UnsetType | None = UNSET
    lng: float | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET


async def update_retailer(command: UpdateRetailer, tx: Tx) -> RetailerDetails:
    """Raises NotFound, PreconditionFailed, Invalid, CodeTaken."""
    retailer = await retailer_store.lock(tx, command.retailer_id, expected_version=command.expected_version)
    given = changed(
        retailer,
        uid=command.uid,
        name=command.name,
        phone=command.phone,
        territory_id=command.territory_id,
        distributor_id=command.distributor_id,
        routes=command.routes,
        points=command.points,
        notes=command.notes,
        lat=command.lat,
        lng=command.lng,
        active=command.active,
    )
    wanted = well_formed(given, country=await retailer_store.country(tx), before=retailer)
    if wanted != retailer:
        await retailer_store.update(tx, retailer, wanted)
        tx.emit(RetailerUpdated(retailer_id=retailer.id), touches=Touches(retailer_ids=(retailer.id,)))
    return await retailer_store.get_details(tx, retailer.id)

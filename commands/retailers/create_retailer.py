"""Create a retailer in a territory."""

from uuid import UUID

from adapters.postgres.stores import retailers as retailer_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.retailers import Retailer, RetailerCreated, RetailerDetails, well_formed


class CreateRetailer(Command, frozen=True, kw_only=True):
    """`uid` is unique in the organisation, `phone` national or international."""

    uid: str
    name: str
    phone: str
    territory_id: UUID
    distributor_id: UUID | None = None
    routes: tuple[str, ...] = ()
    points: int = 0
    notes: str | None = None
    lat: float | None = None
    lng: float | None = None
    active: bool = True


async def create_retailer(command: CreateRetailer, tx: Tx) -> RetailerDetails:
    """Raises Invalid, CodeTaken."""
    given = Retailer(
        id=tx.new_id(),
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
    retailer = well_formed(given, country=await retailer_store.country(tx))
    await retailer_store.insert(tx, retailer)
    tx.emit(RetailerCreated(retailer_id=retailer.id))
    return await retailer_store.get_details(tx, retailer.id)

"""Create a distributor."""

from adapters.postgres.stores import distributors as distributor_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.distributors import Distributor, DistributorCreated
from domain.shared.named import well_formed


class CreateDistributor(Command, frozen=True, kw_only=True):
    """`code` is unique in the organisation."""

    code: str
    name: str


async def create_distributor(command: CreateDistributor, tx: Tx) -> Distributor:
    """Raises Invalid, CodeTaken."""
    wanted = well_formed(Distributor(id=tx.new_id(), code=command.code, name=command.name))
    distributor = await distributor_store.insert(tx, wanted)
    tx.emit(DistributorCreated(distributor_id=distributor.id))
    return distributor

"""Give a distributor another code or name."""

from uuid import UUID

from msgspec import UNSET, UnsetType

from adapters.postgres.stores import distributors as distributor_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain.distributors import Distributor, DistributorUpdated
from domain.shared.changes import changed
from domain.shared.events import Touches
from domain.shared.named import well_formed


class UpdateDistributor(Command, frozen=True, kw_only=True):
    """Members that are unset stay as they are."""

    distributor_id: UUID
    expected_version: int | None = None
    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


async def update_distributor(command: UpdateDistributor, tx: Tx) -> Distributor:
    """Raises NotFound, PreconditionFailed, Invalid, CodeTaken."""
    distributor = await distributor_store.lock(tx, command.distributor_id, expected_version=command.expected_version)
    wanted = well_formed(changed(distributor, code=command.code, name=command.name))
    if wanted == distributor:
        return distributor
    updated = await distributor_store.update(tx, wanted)
    tx.emit(DistributorUpdated(distributor_id=distributor.id), touches=Touches(distributor_ids=(distributor.id,)))
    return updated

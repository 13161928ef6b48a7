"""Found an organisation; whoever operates the installation does this, no user of another organisation can."""

from adapters.postgres.stores import organisations as organisation_store
from adapters.postgres.transaction import Tx
from commands._run import Command
from domain import organisations
from domain.organisations import Organisation, OrganisationFounded


class FoundOrganisation(Command, frozen=True, kw_only=True):
    """Run it as an actor of the organisation that it founds: their `tenant_id` becomes its id."""

    code: str
    name: str
    country: str
    time_zone: str
    currency: str


async def found_organisation(command: FoundOrganisation, tx: Tx) -> Organisation:
    """Raises Invalid, CodeTaken."""
    organisation = organisations.found(
        tenant_id=tx.tenant_id,
        code=command.code,
        name=command.name,
        country=command.country,
        time_zone=command.time_zone,
        currency=command.currency,
    )
    await organisation_store.insert(tx, organisation)
    tx.emit(OrganisationFounded(code=organisation.code))
    return organisation

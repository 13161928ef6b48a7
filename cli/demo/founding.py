"""The demo organisation and its people, made directly in PostgreSQL: hashing 1,400 passwords would take minutes."""

from uuid import UUID

import sqlalchemy as sa

from adapters.passwords import hash_password
from adapters.postgres.tables.organisations import organisations
from adapters.postgres.tables.users import users
from cli.demo import vocabulary
from cli.installation import Installation
from commands.organisations.found_organisation import FoundOrganisation, found_organisation
from commands.users.add_users import AddUsers, add_users
from domain.shared.actor import Role, worker_actor
from domain.shared.ids import new_id

ORGANISATION = "demo"
ADMIN = "admin@demo.haat"
PASSWORD = "haat-demo"  # noqa: S105  everybody may know it: it opens nothing but made-up data, and never in production


def sr_login(number: int) -> str:
    """`sr-00001@demo.haat`, counted from 1."""
    return f"sr-{number:05}@demo.haat"


async def found_demo(installation: Installation, *, srs: int, beside: str | None) -> bool:
    """Whether the demo organisation is there: made now, taken up where an interrupted run left it, or long since.

    It is made only where no other organisation is, but for the one with the code `beside`.
    """
    found = await installation.owner.execute(sa.select(organisations.c.code, organisations.c.tenant_id))
    codes: dict[str, UUID] = {row.code: row.tenant_id for row in found}
    tenant_id = codes.get(ORGANISATION)
    if tenant_id is None:
        if codes.keys() - {beside}:
            return False
        tenant_id = new_id()
        await installation.runner(
            found_organisation,
            FoundOrganisation(
                code=ORGANISATION,
                name="Demo Distribution Ltd.",
                country="BD",
                time_zone="Asia/Dhaka",
                currency="BDT",
            ),
            actor=worker_actor(tenant_id),
        )
    if not await _is_peopled(installation, tenant_id):
        await _people(installation, tenant_id, srs, hash_password(PASSWORD))
    return True


async def _is_peopled(installation: Installation, tenant_id: UUID) -> bool:
    """The admin comes last; one who was deleted since counts, or the next start would bring back deleted SRs."""
    query = sa.select(users.c.id).where(users.c.tenant_id == tenant_id, users.c.login == ADMIN)
    return (await installation.owner.execute(query)).first() is not None


async def _people(installation: Installation, tenant_id: UUID, srs: int, password_hash: str) -> None:
    names = vocabulary.MEN_LATIN
    people = tuple((sr_login(number), names[number * 7_919 % len(names)]) for number in range(1, srs + 1))
    for role, group in ((Role.SR, people), (Role.ADMIN, ((ADMIN, "Demo Admin"),))):
        await installation.runner(
            add_users,
            AddUsers(people=group, role=role, password_hash=password_hash),
            actor=worker_actor(tenant_id),
        )
